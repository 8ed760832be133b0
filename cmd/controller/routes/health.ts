import {pipeAnswer, problemAnswer, sessionAnswer, viewAnswer} from '../../../core/control/health/answers.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {queryOf} from '../../http/api.ts';
import {opens} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';

/** Pipes, views and sessions as they are against what they should be, and the problems: those that the key may see. */
export function healthRoutes(app: ControllerApp, {health}: ControllerAppParts): void {
  app.get('/api/v1/pipes', context => {
    const {pipes} = pictureFor(context);
    return context.json({data: pipes.map(pipeAnswer)});
  });
  app.get('/api/v1/pipes/:agent/:pipe', context => {
    const {agent, pipe} = context.req.param();
    const found = pictureFor(context).pipes.find(row => row.agent === agent && row.pipe === pipe);
    if (found) return context.json({data: pipeAnswer(found)});
    throw new FustorError('PIPE_NOT_FOUND', `There is no pipe "${pipe}" of an agent "${agent}".`, {
      hint: 'Run "fustorctl get pipes" to see all.',
    });
  });
  app.get('/api/v1/control/views', context => {
    const {views} = pictureFor(context);
    return context.json({data: views.map(viewAnswer)});
  });
  app.get('/api/v1/control/sessions', context => {
    const {sessions} = pictureFor(context);
    return context.json({data: sessions.map(sessionAnswer)});
  });
  app.get('/api/v1/problems', async context => {
    readParameters(queryOf(context), []);
    const problems = await health.problems();
    return context.json({data: problems.filter(isOpenTo(context)).map(problemAnswer)});
  });

  function pictureFor(context: ControllerContext) {
    readParameters(queryOf(context), []);
    const isOpen = isOpenTo(context);
    const {pipes, views, sessions} = health.picture();
    return {pipes: pipes.filter(isOpen), views: views.filter(isOpen), sessions: sessions.filter(isOpen)};
  }
}

function isOpenTo(context: ControllerContext): (row: {view: string | null | undefined}) => boolean {
  const key = context.get('key');
  return ({view}) => view === null || view === undefined || opens(key, view);
}
