import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

/** Nothing of the machine's own configuration counts. */
export const gitEnv = {
  ...{PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', HOME: '/nonexistent'},
  ...{GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org'},
  ...{GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org'},
};

/** A repository that people push to, below a folder, and the clone of one of them. */
export class GitServer {
  readonly path: string;
  readonly clone: string;

  constructor(folder: string) {
    this.path = join(folder, 'server.git');
    this.clone = join(folder, 'clone');
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', this.path], {env: gitEnv});
    execFileSync('git', ['clone', '--quiet', this.path, this.clone], {env: gitEnv, stdio: 'pipe'});
    this.git('checkout', '--quiet', '-b', 'main');
  }

  /** In the clone. */
  git(...args: string[]): string {
    return execFileSync('git', args, {cwd: this.clone, env: gitEnv, stdio: 'pipe', encoding: 'utf8'}).trim();
  }

  /** Null removes a file; `{link}` is a symbolic link. */
  write(files: Record<string, string | Buffer | {link: string} | null>): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.clone, name);
      rmSync(path, {recursive: true, force: true});
      if (content === null) continue;
      mkdirSync(dirname(path), {recursive: true});
      if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, path);
      else writeFileSync(path, content);
    }
  }

  /** Commits what stands in the clone. Returns the commit. */
  commit(message = 'A change', ...flags: string[]): string {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--allow-empty', '--message', message, ...flags);
    return this.git('rev-parse', 'HEAD');
  }

  push(...flags: string[]): void {
    this.git('push', '--quiet', ...flags, 'origin', 'main');
  }

  /** All at once. */
  publish(files: Parameters<GitServer['write']>[0], message?: string): string {
    this.write(files);
    const commit = this.commit(message);
    this.push();
    return commit;
  }
}
