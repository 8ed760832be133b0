import {createPrivateKey, X509Certificate} from 'node:crypto';
import {readdirSync, readFileSync} from 'node:fs';
import {isIP} from 'node:net';
import {join} from 'node:path';
import type {Check, Finding} from './finding.ts';
import type {Home, Place} from './place.ts';

/** They are renewed at two thirds of their life: this much of it gone means that it failed, many times. */
const endingAt = 5 / 6;
const fileBytesMax = 2 ** 20;

/** Certificates of this host and of the servers that it asks. */
export const checkCertificate: Check = {
  name: 'certificate',
  find: ({homes, servers}, facts) => [
    ...homes.flatMap(home => ownCertificates(home).flatMap(one => judge(one, facts.nowMs()))),
    ...homes.flatMap(ofAnother),
    ...servers.flatMap(server => ofServer(server, facts.nowMs())),
  ],
};

type Found = {subject: string; certificate: X509Certificate; renew: string};

function judge({subject, certificate, renew}: Found, nowMs: number): Finding[] {
  const from = certificate.validFromDate.getTime();
  const to = certificate.validToDate.getTime();
  const tell = (problem: string, remedy: string) => [{subject, problem, remedy}];
  if (nowMs > to) return tell(`The certificate expired at ${new Date(to).toISOString()}.`, renew);
  if (nowMs < from) {
    const problem = `The certificate counts only from ${new Date(from).toISOString()} on.`;
    return tell(problem, 'Check the clocks: "date -u" here and where it was made.');
  }
  if (nowMs < from + endingAt * (to - from)) return [];
  return tell(`The certificate ends at ${new Date(to).toISOString()} and was not renewed in time.`, renew);
}

function ofServer({url, host, certificate, purpose}: Place['servers'][number], nowMs: number): Finding[] {
  if (!certificate) return [];
  const renew = `Renew it on the host of the ${purpose}; one that the controller makes itself is new after a restart.`;
  const matches = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host);
  if (matches !== undefined) return judge({subject: url, certificate, renew}, nowMs);
  const names = certificate.subjectAltName ?? certificate.subject;
  const problem = `The certificate of the ${purpose} is for ${names}, not for ${host}.`;
  const remedy = 'Use an address that stands in it, or add this one ("tls: { names: […] }" of the controller).';
  return [{subject: url, problem, remedy}, ...judge({subject: url, certificate, renew}, nowMs)];
}

/** Those in `identity`, as PEM or within JSON. That of the node must be for the node. */
function ownCertificates({role, data, id}: Home): Found[] {
  const folder = join(data, 'identity');
  const renew = `Let it reach its controller; else: fustorctl enroll-token create --role ${role} --node ${id ?? 'ID'}, and enrol again.`;
  return filesIn(folder).flatMap(file =>
    certificatesIn(file).map(certificate => ({subject: file, certificate, renew})),
  );
}

/** The certificate of the node beside its name and its key: a data directory that was copied from another host has others. */
function ofAnother({role, data}: Home): Finding[] {
  const folder = join(data, 'identity');
  try {
    const {id, certificate: pem} = JSON.parse(readFileSync(join(folder, 'identity.json'), 'utf8'));
    const certificate = new X509Certificate(pem);
    const isNamed = certificate.subject.split('\n').includes(`CN=${id}`);
    const key = createPrivateKey(readFileSync(join(folder, 'node.key')));
    if (isNamed && certificate.checkPrivateKey(key)) return [];
    const is = isNamed
      ? 'for another key than node.key'
      : `for ${certificate.subject.replaceAll('\n', ', ')}, not for ${id}`;
    const remedy = `Put ${folder} back as it was; or remove it and enrol: fustorctl enroll-token create --role ${role} --node ${id}`;
    return [{subject: join(folder, 'identity.json'), problem: `Its certificate is ${is}.`, remedy}];
  } catch {
    return []; // there is none
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, {withFileTypes: true}).flatMap(entry =>
      entry.isFile() ? join(folder, entry.name) : [],
    );
  } catch {
    return [];
  }
}

function certificatesIn(file: string): X509Certificate[] {
  let text: string;
  try {
    const bytes = readFileSync(file);
    text = bytes.length > fileBytesMax ? '' : bytes.toString().replaceAll('\\n', '\n');
  } catch {
    return [];
  }
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.flatMap(pem => {
    try {
      return [new X509Certificate(pem)];
    } catch {
      return [];
    }
  });
}
