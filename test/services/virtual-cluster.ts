/**
 * A cluster in virtual time: tasks come up, live, and end as their definition's name says, each at a moment of its own,
 * and the scheduler looks at the service after each of these, with the promises checked.
 */
import type { Chance } from '../support/eventually.ts';
import { halfLook, lookChecked } from './promises.ts';
import { ends, runs, stopTask, type World, type WorldTask } from './world.ts';

/** How tasks of a definition behave; a deployment's tasks behave as the family of its revision says. */
export type Behaviour = 'works' | 'dies' | 'flaps' | 'never starts';

/** Where tasks are; what happens to them there is not heard of while it is cut off. */
const hosts = 3;
/** What a lost job or a dead process costs at most, milliseconds. */
const sweep = 10_000;
const second = 1000;

export interface Cluster {
  readonly world: World;
  readonly chance: Chance;
  /** Moments at which looks were made after which a task was there that was not before. */
  readonly starts: { readonly at: number; readonly behaviour: Behaviour }[];
  /** Has something happen in so many milliseconds; the scheduler looks after it. */
  after(milliseconds: number, happens: () => void): void;
  /** Lets time pass, and everything happen that is due in it. */
  pass(milliseconds: number): void;
  /** A third of the tasks is not heard of for so long; they are given up for lost after `lostAfter`, if that is sooner. */
  cutOff(milliseconds: number, lostAfter: number): void;
}

interface Due {
  readonly at: number;
  readonly happens: () => void;
}

/** @param dying in how many of a hundred looks the scheduler dies between what it decides and what it does */
export function createCluster(world: World, chance: Chance, dying = 5): Cluster {
  const due: Due[] = [];
  const hostOf = new Map<string, number>();
  const told = new Set<string>();
  const backAt = Array.from({ length: hosts }, () => 0);
  const cluster: Cluster = {
    world,
    chance,
    starts: [],
    after: (milliseconds, happens) => void due.push({ at: world.now + milliseconds, happens }),
    pass(milliseconds) {
      const end = world.now + milliseconds;
      attend();
      for (;;) {
        const next = due.reduce<Due | undefined>(
          (first, each) => (first && first.at <= each.at ? first : each),
          undefined,
        );
        const looksAt = world.lookAgainAt ?? Number.POSITIVE_INFINITY;
        const at = Math.max(world.now, Math.min(next?.at ?? Number.POSITIVE_INFINITY, looksAt));
        if (at > end) break;
        world.now = at;
        if (next && next.at <= at) {
          due.splice(due.indexOf(next), 1);
          next.happens();
        }
        attend();
      }
      world.now = end;
    },
    cutOff(milliseconds, lostAfter) {
      const host = chance.whole(hosts);
      backAt[host] = world.now + milliseconds;
      if (lostAfter >= milliseconds) return;
      const held = [...world.tasks.values()].filter(({ id }) => hostOf.get(id) === host);
      cluster.after(lostAfter, () => {
        for (const task of held.filter(isThere)) {
          if (!task.stopping) stopTask(task, 'TerminationNotice', 'Host terminated.');
          ends(world, task);
        }
      });
    },
  };

  const isThere = (task: WorldTask) => world.tasks.get(task.id) === task && task.lastStatus !== 'STOPPED';

  /** In the life of a task: not before its host is heard of again, and not once it is over. */
  function inLife(task: WorldTask, milliseconds: number, happens: () => void): void {
    const attempt = () => {
      const hidden = (backAt[hostOf.get(task.id) ?? 0] ?? 0) - world.now;
      if (!isThere(task)) return;
      if (hidden > 0) due.push({ at: world.now + hidden, happens: attempt });
      else happens();
    };
    cluster.after(milliseconds, attempt);
  }

  function attend(): void {
    if (chance.whole(100) < dying) {
      halfLook(world);
      cluster.after(sweep, () => {});
      // What was to be done is found by the look that comes then.
      world.lookAgainAt = undefined;
    } else lookChecked(world);
    for (const task of world.tasks.values()) {
      if (!hostOf.has(task.id)) begin(task);
      if (task.stopping && !told.has(task.id) && isThere(task)) {
        told.add(task.id);
        inLife(task, chance.number(3 * second), () => ends(world, task));
      }
    }
  }

  function begin(task: WorldTask): void {
    hostOf.set(task.id, chance.whole(hosts));
    const behaviour = behaviourOf(world, task);
    cluster.starts.push({ at: world.now, behaviour });
    inLife(task, 500 + chance.number(4 * second), () => {
      if (task.stopping) return;
      if (behaviour === 'never starts') {
        stopTask(task, 'TaskFailedToStart', 'CannotPullContainerError: none');
        ends(world, task);
        return;
      }
      runs(world, task, behaviour === 'flaps' ? 'UNKNOWN' : undefined);
      if (behaviour === 'dies') inLife(task, 5 * second, () => ends(world, task));
      if (behaviour === 'flaps') flap(task);
    });
  }

  function flap(task: WorldTask): void {
    inLife(task, 1 + chance.number(40 * second), () => {
      task.health = task.health === 'HEALTHY' ? 'UNHEALTHY' : 'HEALTHY';
      flap(task);
    });
  }
  return cluster;
}

function behaviourOf({ service }: World, { deploymentId }: WorldTask): Behaviour {
  return (service.deployments.find(({ id }) => id === deploymentId)?.revision.family ?? 'works') as Behaviour;
}
