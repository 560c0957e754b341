/** The leak check finds what is left behind, and only that. */
import { expect, it } from 'vitest';
import { growthOf, type Holdings } from '../../scripts/bench/holdings.ts';

const empty: Holdings = {
  containers: ['pool1'],
  volumes: [],
  networks: ['net'],
  processes: ['1 api', '2 /pause pool1'],
  mounts: ['/overlay/pool1'],
  cgroups: ['/cg/pool1'],
  veths: ['v1'],
  'Redis keys': ['a'],
  'open files': ['1/0', '1/1'],
};
const leaking = (after: Partial<Holdings>, slack = {}) =>
  growthOf(empty, { ...empty, ...after }, slack).filter(({ leaks }) => leaks);

it('nothing when a warm sandbox was replaced by another', () => {
  const renewed = { containers: ['pool2'], processes: ['1 api', '9 /pause pool2'], mounts: ['/overlay/pool2'] };
  expect(leaking(renewed)).toEqual([]);
});

it.each([
  ['volumes', ['left']],
  ['processes', ['1 api', '2 /pause pool1', '7 left']],
  ['mounts', ['/overlay/pool1', '/left']],
  ['cgroups', ['/cg/pool1', '/cg/left']],
  ['veths', ['v1', 'left']],
  ['Redis keys', ['a', 'left']],
  ['networks', ['net', 'left']],
  ['containers', ['pool1', 'left']],
] as const)('%s', (kind, after) => {
  const found = leaking({ [kind]: after });
  expect(found.map((each) => each.kind)).toEqual([kind]);
  expect(found[0]?.left.join()).toContain('left');
});

it('names what is left, not what a container that is there has', () => {
  const [processes] = leaking({ containers: ['pool2'], processes: ['1 api', '9 /pause pool2', '7 left'] });
  expect(processes?.left).toEqual(['7 left']);
});

it('open files within bounds are none', () => {
  expect(leaking({ 'open files': ['1/0', '1/1', '1/2'] }, { 'open files': 1 })).toEqual([]);
  expect(leaking({ 'open files': ['1/0', '1/1', '1/2', '1/3'] }, { 'open files': 1 })).toHaveLength(1);
});
