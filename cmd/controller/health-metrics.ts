import {Gauge, type Registry} from 'prom-client';
import {severities} from '../../core/control/health/condition.ts';
import type {Health} from '../../core/control/health/health.ts';
import {nodeKinds} from '../../core/control/protocol.ts';

const nodeStates = ['online', 'silent', 'never_seen'] as const;

/** What `fustorctl status` tells, as figures. */
export function addHealthMetrics(registry: Registry, health: Health): void {
  const registers = [registry];
  new Gauge({
    name: 'fustor_controller_nodes',
    help: 'Agents and fusions, by how they are heard.',
    labelNames: ['kind', 'state'],
    registers,
    collect() {
      const {nodes} = health.picture();
      for (const kind of nodeKinds) {
        for (const state of nodeStates) {
          this.set({kind, state}, nodes.filter(node => node.kind === kind && node.state === state).length);
        }
      }
    },
  });
  new Gauge({
    name: 'fustor_controller_problems',
    help: 'What needs somebody to act (errors, warnings), and what is worth knowing (notices).',
    labelNames: ['severity'],
    registers,
    collect() {
      const {problems} = health.picture();
      for (const severity of severities) {
        this.set({severity}, problems.filter(problem => problem.severity === severity).length);
      }
    },
  });
  new Gauge({
    name: 'fustor_controller_revision',
    help: 'Number of the configuration in force.',
    registers,
    collect() {
      this.set(health.site().revision ?? 0);
    },
  });
  new Gauge({
    name: 'fustor_controller_git_age_seconds',
    help: 'How long ago Git was read with success; absent where the configuration does not come from Git.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      const {gitAgeMs} = health.site();
      if (gitAgeMs !== undefined) this.set({source: 'git'}, gitAgeMs / 1_000);
    },
  });
}
