import {FustorError} from '../../../core/errors/fustor-error.ts';
import {
  type EnrolAnswer,
  enrolRequest,
  type RenewAnswer,
  renewRequest,
  type TrustAnswer,
} from '../../../core/identity/protocol.ts';
import {queryOf, sentBy} from '../../http/api.ts';
import {sentKey} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts} from '../app.ts';
import {audited} from '../audit.ts';

const bodyBytesMax = 64 * 1024;

/** `/api/v1/control/enroll`, `renew` and `trust`: how a node becomes known here, and whom it may trust. */
export function enrolmentRoutes(app: ControllerApp, {identity}: ControllerAppParts): void {
  const {identities, authority, signingKeys} = identity;
  const trust = (): TrustAnswer => ({
    signing_keys: [...signingKeys()],
    ...(authority && {ca: authority.certificate}),
  });

  // Without a key: it is public, and how a node gets one.
  app.get('/api/v1/control/trust', context => {
    readParameters(queryOf(context), []);
    return context.json({data: trust()});
  });
  app.post('/api/v1/control/enroll', async context => {
    readParameters(queryOf(context), []);
    const request = await readJson(context, enrolRequest, {bytesMax: bodyBytesMax});
    const enrolToken = request.token ?? sentKey(sentBy(context));
    if (enrolToken === undefined) {
      throw new FustorError('UNAUTHENTICATED', 'No enrolment token was sent.', {
        hint: 'Send it as "token", or as "Authorization: Bearer TOKEN".',
      });
    }
    const {token, certificate, enrolledWith, isNew} = await identities.enrol(request, enrolToken);
    const {kind, id, host} = request;
    audited(context, {
      action: 'identity.enrol',
      subject: `${kind}/${id}`,
      by: `enrolment token ${enrolledWith}`,
      details: {host, is_new: isNew},
    });
    const answer: EnrolAnswer = {token, ...trust(), ...(certificate !== undefined && {certificate})};
    return context.json({data: answer}, 200, {'cache-control': 'no-store'});
  });
  app.post('/api/v1/control/renew', async context => {
    readParameters(queryOf(context), []);
    const {node, name} = context.get('key');
    if (!node) {
      throw new FustorError('FORBIDDEN', `The key "${name}" is not the token of a node, so it has no certificate.`, {
        hint: 'Enrol the node.',
      });
    }
    const {csr} = await readJson(context, renewRequest, {bytesMax: bodyBytesMax});
    const {certificate} = await identities.renew(node, csr);
    const answer: RenewAnswer = {...trust(), certificate};
    return context.json({data: answer});
  });
}
