import {createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign} from 'node:crypto';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {canonicalBytes} from './canonical.ts';
import {decodeManifest, encodeManifest, type Manifest, type SignedManifest} from './manifest.ts';
import {hashOfSignature, signingKey, signManifest, trustedKey, verifyManifest} from './signature.ts';

/** Of RFC 8032, 7.1, test 1. */
const privateKey = createPrivateKey({
  key: Buffer.from(
    `302e020100300506032b657004220420${'9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'}`,
    'hex',
  ),
  format: 'der',
  type: 'pkcs8',
});
const key = signingKey(privateKey);
const trusted = [trustedKey(createPublicKey(privateKey))];
const manifest: Manifest = {
  manifest: 1,
  kind: 'agent',
  id: 'node-a',
  config: {agent: {}, pipes: {research: {source: 'lab', sender: 'east', view: 'research'}}},
};
const signed = encodeManifest(manifest, key);
const decode = (what: SignedManifest, more: object = {}) => decodeManifest(what, {trusted, ...manifest, ...more});
const refused = expect.objectContaining({code: 'MANIFEST_REFUSED'});

describe('a signed manifest', () => {
  test('is what was signed, and is called the same whenever it is made', () => {
    expect(decode(signed)).toEqual(manifest);
    expect(encodeManifest({...manifest}, key)).toEqual(signed);
    expect(signed.signature).toMatch(/^[0-9a-f]{64}\.[0-9a-f]{16}\.[\w-]{86}$/);
    expect(hashOfSignature(signed.signature)).toBe(signed.signature.slice(0, 64));
  });

  test('with any bit of it turned round is refused', () => {
    for (let bit = 0; bit < signed.bytes.length * 8; bit++) {
      const bytes = Buffer.from(signed.bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decode({...signed, bytes})).toThrow(refused);
    }
  });

  test('with any bit of its signature turned round is refused', () => {
    for (let bit = 0; bit < signed.signature.length * 8; bit++) {
      const text = Buffer.from(signed.signature, 'latin1');
      text[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decode({...signed, signature: text.toString('latin1')})).toThrow(refused);
    }
  });

  test('with anything cut off, added or put in place of a part is refused', () => {
    const {bytes, signature} = signed;
    for (let length = 0; length < bytes.length; length++)
      expect(() => decode({bytes: bytes.subarray(0, length), signature})).toThrow(refused);
    for (let length = 0; length < signature.length; length++)
      expect(() => decode({bytes, signature: signature.slice(0, length)})).toThrow(refused);
    expect(() => decode({bytes: Buffer.concat([bytes, Buffer.from(' ')]), signature})).toThrow(refused);
    for (const more of ['=', ' ', '\n', '.'])
      expect(() => decode({bytes, signature: signature + more})).toThrow(refused);
    const [, id, code] = encodeManifest({...manifest, config: {}}, key).signature.split('.');
    expect(() => decode({bytes, signature: [signature.slice(0, 64), id, code].join('.')})).toThrow(refused);
  });

  test('has one signature only: other texts for the same bytes are refused', () => {
    const last = signed.signature.at(-1)!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const other of alphabet.replace(last, ''))
      expect(() => decode({...signed, signature: signed.signature.slice(0, -1) + other})).toThrow(refused);
  });

  test('of another key, or for another node, is refused', () => {
    const stranger = generateKeyPairSync('ed25519');
    expect(() => decode(encodeManifest(manifest, signingKey(stranger.privateKey)))).toThrow('this node trusts');
    expect(() => decode(encodeManifest(manifest, {...key, privateKey: stranger.privateKey}))).toThrow(
      'is not one of the key',
    );
    expect(() => decode(signed, {trusted: []})).toThrow('trusts none');
    expect(() => decode(signed, {id: 'node-b'})).toThrow('it is for the agent node-a');
    expect(() => decode(signed, {kind: 'fusion'})).toThrow('this is the fusion node-a');
    expect(decode(signed, {trusted: [trustedKey(stranger.publicKey), ...trusted]})).toEqual(manifest);
  });

  test.each([
    ['no JSON', Buffer.from('{')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['another format', canonicalBytes({...manifest, manifest: 2})],
    ['more than is known', canonicalBytes({...manifest, more: true})],
    ['less than is needed', canonicalBytes({...manifest, config: undefined}), 'refused: config: '],
    ['nothing', canonicalBytes(null), 'refused: it: '],
  ])('that is %s is refused, whoever signed it', (_, bytes, message = '') => {
    const of = expect.objectContaining({code: 'MANIFEST_REFUSED', message: expect.stringContaining(message)});
    expect(() => decode({bytes, signature: signManifest(bytes, key)})).toThrow(of);
  });
});

test('a signature of the key over anything else is none over a manifest', () => {
  const [hash, id] = signed.signature.split('.');
  const over = (bytes: Uint8Array) => [hash, id, sign(null, bytes, privateKey).toString('base64url')].join('.');
  for (const bytes of [signed.bytes, Buffer.from(hash!, 'hex')])
    expect(() => verifyManifest(signed.bytes, over(bytes), trusted)).toThrow(refused);
});

test('only the bytes that were signed are verified, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 64}), fc.uint8Array({maxLength: 64}), (one, other) => {
      const signature = signManifest(one, key);
      verifyManifest(one, signature, trusted);
      if (Buffer.compare(one, other) !== 0) expect(() => verifyManifest(other, signature, trusted)).toThrow(refused);
    }),
    {numRuns: 50},
  );
});

test('what is no signature has no hash', () => {
  for (const text of ['', 'x', signed.signature.slice(1), `${signed.signature}x`])
    expect(hashOfSignature(text)).toBeUndefined();
});

test('a key is called by the hash of its public part', () => {
  const der = (trusted[0]!.publicKey as KeyObject).export({type: 'spki', format: 'der'});
  expect(der.subarray(-32).toString('hex')).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  expect(trusted[0]!.id).toBe(key.id);
});
