import {getRawPointer} from 'node:ffi';
import {type Attributes, type FileTime, type Kind, kinds} from '../../core/entry/entry.ts';

/** Bit of `stx_mask`. */
export const statxBirth = 0x800;

/** The kernel's `struct statx` (statx(2)), 256 bytes, little-endian. */
export class StatxBuffer {
  readonly bytes = Buffer.alloc(256);
  readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, 256);
  readonly pointer = getRawPointer(this.bytes);

  get kind(): Kind {
    return kindOfMode(this.view.getUint16(28, true));
  }

  get links(): number {
    return this.view.getUint32(16, true);
  }

  /**
   * Inode, device and, where the file system has it, the time of birth: which directory it is, whatever its name. Without
   * the birth, a directory that is made with the inode of one just removed would be taken for it.
   */
  get identity(): string {
    const {view} = this;
    const hasBirth = (view.getUint32(0, true) & statxBirth) !== 0;
    const birth = hasBirth ? `.${view.getBigInt64(80, true)}.${view.getUint32(88, true)}` : '';
    return `${view.getBigUint64(32, true)}@${this.device}${birth}`;
  }

  get device(): string {
    return `${this.view.getUint32(136, true)}:${this.view.getUint32(140, true)}`;
  }

  get size(): number {
    return this.view.getUint32(40, true) + this.view.getUint32(44, true) * 2 ** 32;
  }

  get ctime(): FileTime {
    return this.#time(96);
  }

  get attributes(): Attributes {
    return {kind: this.kind, size: this.size, mtime: this.#time(112), ctime: this.ctime};
  }

  #time(at: number): FileTime {
    return {seconds: Number(this.view.getBigInt64(at, true)), nanos: this.view.getUint32(at + 8, true)};
  }
}

export function kindOfMode(mode: number): Kind {
  const type = mode & 0o170000;
  if (type === 0o100000) return kinds.file;
  if (type === 0o040000) return kinds.directory;
  return type === 0o120000 ? kinds.symlink : kinds.other;
}

/** `d_type` of a directory entry, for names whose attributes cannot be read. */
export function kindOfDirent(type: number): Kind {
  return type === 8 ? kinds.file : type === 4 ? kinds.directory : type === 10 ? kinds.symlink : kinds.other;
}
