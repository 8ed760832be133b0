import {Readable} from 'node:stream';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {queryOf} from '../../http/api.ts';
import {readParameters} from '../../http/parameters.ts';
import type {ControllerApp, ControllerAppParts} from '../app.ts';

/** `GET /api/v1/backup`: everything that the controller keeps, at one moment, as a file. */
export function backupRoutes(app: ControllerApp, {backup}: ControllerAppParts): void {
  app.get('/api/v1/backup', async context => {
    readParameters(queryOf(context), []);
    if (!backup) throw new FustorError('NOT_FOUND', 'This controller keeps nothing on a disk.');
    const {bytes, content} = await backup();
    return context.body(Readable.toWeb(content) as ReadableStream, 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(bytes),
      'content-disposition': 'attachment; filename="control.mdb"',
    });
  });
}
