/** What every driver must do, told once. A driver's own test file calls `describeDriver` with its harness. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ContainerConfig,
  type ContainerHandle,
  type Driver,
  DriverError,
  type LogChunk,
  type SandboxConfig,
} from '../../runtime/driver.ts';
import { expectKind, type Program, type Programs, plainContainer, type SuiteTools } from './suite-tools.ts';
import { describeProcesses, describeVolumes } from './volumes.suite.ts';

export { expectKind } from './suite-tools.ts';

export interface DriverHarness {
  /** Makes what all drivers of the harness need; returns the image to run. */
  setUp(): Promise<{ readonly image: string; tearDown(): Promise<void> }>;
  /** Drivers of one owner are one installation: what one made, the next one recovers. Not opened yet. */
  create(owner: string, options?: { readonly warmPool?: number }): Promise<Driver>;
  readonly programs: Programs;
  /** Runs real processes on a real kernel. */
  readonly real: boolean;
  /** Why directories of the host cannot be volumes; absent: they can. */
  readonly noHostDirectories?: string;
}

const MiB = 2 ** 20;

export function describeDriver(title: string, harness: DriverHarness, skipReason?: string): void {
  describe.skipIf(skipReason)(skipReason ? `${title} (skipped: ${skipReason})` : title, () => {
    const owner = `test-${randomUUID().slice(0, 8)}`;
    const { programs } = harness;
    let environment: Awaited<ReturnType<DriverHarness['setUp']>>;
    let driver: Driver;
    const made = new Set<string>();

    beforeAll(async () => {
      environment = await harness.setUp();
      driver = await harness.create(owner, { warmPool: 1 });
      await driver.open();
    });
    afterEach(async () => {
      await Promise.all([...made].map((id) => driver.removeSandbox(id)));
      made.clear();
    });
    afterAll(async () => {
      await driver?.clean();
      await driver?.close();
      await environment?.tearDown();
    });

    const newSandbox = async (config: Partial<SandboxConfig> = {}) => {
      const id = config.id ?? randomUUID().replaceAll('-', '');
      made.add(id);
      return driver.createSandbox({ hostname: 'task', limits: {}, labels: {}, ...config, id });
    };
    const containerConfig = (sandboxId: string, config: Program = {}): ContainerConfig => ({
      ...plainContainer(sandboxId, 'main', environment.image),
      ...config,
      environment: { PATH: '/bin', ...config.environment },
    });
    const start = async (sandboxId: string, config: Program) => {
      const handle = await driver.createContainer(containerConfig(sandboxId, config));
      await driver.startContainer(handle);
      return handle;
    };
    const run = async (config: Program, sandbox: Partial<SandboxConfig> = {}) => {
      const { id } = await newSandbox(sandbox);
      return start(id, config);
    };
    const shell = (script: string): Program => ({ command: ['sh', '-c', script] });
    const output = async (handle: ContainerHandle, follow = true, since?: number) => {
      const texts = { stdout: '', stderr: '' };
      for await (const { stream, data } of driver.logs(handle, { follow, since }))
        texts[stream] += Buffer.from(data).toString();
      return texts;
    };
    /** Runs a script to its end and returns what it wrote to stdout. */
    const answer = async (script: string, config: Program = {}, sandbox: Partial<SandboxConfig> = {}) =>
      (await output(await run({ ...shell(script), ...config }, sandbox))).stdout.trim();
    /** Resolves when the container has written `text`. */
    const wrote = async (handle: ContainerHandle, text: string) => {
      let all = '';
      for await (const { data } of driver.logs(handle, { follow: true })) {
        all += Buffer.from(data).toString();
        if (all.includes(text)) return;
      }
      throw new Error(`ended without writing ${text}: ${all}`);
    };

    describe('life of a container', () => {
      it.each([0, 1, 7, 255])('exit code %i is told as it is', async (code) => {
        const before = Date.now();
        const handle = await run(programs.exits(code));
        const exit = await driver.waitContainer(handle);
        expect(exit).toMatchObject({ exitCode: code, oomKilled: false });
        expect(exit.finishedAt).toBeGreaterThanOrEqual(before);
        expect(await driver.waitContainer(handle)).toEqual(exit);
      });

      it('goes from created to running to exited to gone', async () => {
        const { id } = await newSandbox();
        const handle = await driver.createContainer(containerConfig(id, { ...programs.runs, labels: { app: 'web' } }));
        expect(handle).toMatchObject({ sandboxId: id, name: 'main' });
        expect(await driver.inspectContainer(handle)).toMatchObject({ status: 'created', handle });
        const { startedAt } = await driver.startContainer(handle);
        expect(await driver.inspectContainer(handle)).toMatchObject({
          status: 'running',
          startedAt,
          labels: { app: 'web' },
        });
        await driver.stopContainer(handle, 5);
        const state = await driver.inspectContainer(handle);
        expect(state?.status).toBe('exited');
        expect(state?.exit?.finishedAt).toBeGreaterThanOrEqual(startedAt);
        await driver.removeContainer(handle);
        expect(await driver.inspectContainer(handle)).toBeUndefined();
      });

      it('starting what runs already is a success', async () => {
        const handle = await run(programs.runs);
        await driver.startContainer(handle);
        expect((await driver.inspectContainer(handle))?.status).toBe('running');
      });

      it('what has ended is started again when that is asked for', async () => {
        const handle = await run(programs.runs);
        const first = await driver.inspectContainer(handle);
        await driver.startContainer(handle, { again: true });
        expect((await driver.inspectContainer(handle))?.startedAt).toBe(first?.startedAt);
        for (const _ of [1, 2]) {
          await driver.stopContainer(handle, 5);
          const exit = await driver.waitContainer(handle);
          const { startedAt } = await driver.startContainer(handle, { again: true });
          expect(startedAt).toBeGreaterThanOrEqual(exit.finishedAt);
          expect(await driver.inspectContainer(handle)).toMatchObject({ handle, status: 'running', startedAt });
        }
        const wait = driver.waitContainer(handle);
        await driver.stopContainer(handle, 5);
        expect((await wait).finishedAt).toBeGreaterThanOrEqual(first?.startedAt ?? 0);
      });

      it.runIf(harness.real)('what is started again finds its files', async () => {
        const handle = await run(shell('test -e /tmp/file && exit 5; touch /tmp/file; exit 4'));
        expect((await driver.waitContainer(handle)).exitCode).toBe(4);
        await driver.startContainer(handle, { again: true });
        expect((await driver.waitContainer(handle)).exitCode).toBe(5);
      });

      it('many waiters hear of one end', async () => {
        const handle = await run(programs.runs);
        const waits = [driver.waitContainer(handle), driver.waitContainer(handle), driver.waitContainer(handle)];
        await driver.stopContainer(handle, 5);
        const exits = await Promise.all(waits);
        expect(new Set(exits.map(({ exitCode }) => exitCode)).size).toBe(1);
      });

      it('a wait that is cancelled says so and the container runs on', async () => {
        const handle = await run(programs.runs);
        const controller = new AbortController();
        const wait = driver.waitContainer(handle, controller.signal);
        controller.abort();
        await expectKind(wait, 'cancelled');
        expect((await driver.inspectContainer(handle))?.status).toBe('running');
      });

      it('a wait for a container that is removed does not hang', async () => {
        const handle = await run(programs.runs);
        // Some engines tell the kill that goes with the removal, some only that it is gone.
        const wait = driver.waitContainer(handle).then(
          ({ exitCode }) => exitCode,
          (error: unknown) => (error instanceof DriverError ? error.kind : error),
        );
        await driver.removeContainer(handle);
        expect([137, 'not-found']).toContain(await wait);
      });
    });

    describe('stopping', () => {
      it('tells the process to end', async () => {
        const handle = await run(programs.runs);
        if (harness.real) await wrote(handle, 'ready');
        await driver.stopContainer(handle, 20);
        expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 143, oomKilled: false });
      });

      it('kills what ignores the signal', async () => {
        const handle = await run(programs.ignoresStop);
        if (harness.real) await wrote(handle, 'ready');
        await driver.stopContainer(handle, 1);
        expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: false });
      });

      it('what has ended or is absent is a success', async () => {
        const handle = await run(programs.exits(3));
        await driver.waitContainer(handle);
        await driver.stopContainer(handle, 1);
        await driver.removeContainer(handle);
        await driver.removeContainer(handle);
        await driver.stopContainer(handle, 1);
        await driver.removeSandbox(handle.sandboxId);
        await driver.removeSandbox(handle.sandboxId);
      });

      it('removing a sandbox removes what runs in it', async () => {
        const { id } = await newSandbox();
        const handles = await Promise.all(['one', 'two'].map((name) => start(id, { ...programs.ignoresStop, name })));
        await driver.removeSandbox(id);
        for (const handle of handles) expect(await driver.inspectContainer(handle)).toBeUndefined();
        expect((await driver.recover()).filter((each) => each.id === id)).toEqual([]);
      });
    });

    describe('calls that come again', () => {
      it('the same sandbox and container are returned', async () => {
        const first = await newSandbox({ labels: { task: 'a' } });
        expect(await newSandbox({ id: first.id })).toEqual(first);
        const handle = await driver.createContainer(containerConfig(first.id, programs.runs));
        expect(await driver.createContainer(containerConfig(first.id, programs.runs))).toEqual(handle);
      });

      it('a container without its sandbox is refused', async () => {
        await expectKind(driver.createContainer(containerConfig('no-such-sandbox')), 'not-found');
      });

      it('a call that is cancelled beforehand makes nothing', async () => {
        const id = `cancelled-${randomUUID()}`;
        const config = { id, hostname: 'h', limits: {}, labels: {} };
        await expectKind(driver.createSandbox(config, AbortSignal.abort()), 'cancelled');
        expect((await driver.recover()).filter((each) => each.id === id)).toEqual([]);
      });
    });

    describe('failures', () => {
      it('a command that cannot be run is a failed start, in the words of the engine', async () => {
        const { id } = await newSandbox();
        const handle = await driver.createContainer(containerConfig(id, programs.cannotStart));
        const error = await expectKind(driver.startContainer(handle), 'start');
        expect(error.message).not.toMatch(/\/var\/lib/);
        expect(error.retryable).toBe(false);
        const exit = await driver.waitContainer(handle);
        expect(exit.exitCode).toBe(127);
        expect(exit.error).toBeTruthy();
      });
    });

    describe('addresses', () => {
      it('differ between sandboxes, and come back', async () => {
        const sandboxes = await Promise.all([newSandbox(), newSandbox(), newSandbox()]);
        expect(new Set(sandboxes.map(({ ipv4Address }) => ipv4Address)).size).toBe(3);
        expect(new Set(sandboxes.map(({ macAddress }) => macAddress)).size).toBe(3);
        for (const { ipv4Address, gateway, macAddress } of sandboxes) {
          expect(ipv4Address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
          expect(ipv4Address).not.toBe(gateway);
          expect(macAddress).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        }
      });
    });

    describe('recovery', () => {
      it('a second driver of the same owner finds everything, whatever its state', async () => {
        const { id, ipv4Address } = await newSandbox({ labels: { task: 'kept' }, limits: { memory: 64 * MiB } });
        const running = await start(id, { ...programs.runs, name: 'running', labels: { role: 'app' } });
        const ended = await start(id, { ...programs.exits(9), name: 'ended' });
        await driver.waitContainer(ended);
        const created = await driver.createContainer(containerConfig(id, { ...programs.runs, name: 'created' }));
        const empty = await newSandbox({ labels: { task: 'half-made' } });

        const second = await harness.create(owner);
        try {
          await second.open();
          const found = await second.recover();
          const whole = found.find((each) => each.id === id);
          expect(whole).toMatchObject({ sandbox: { id, ipv4Address }, labels: { task: 'kept' } });
          const states = new Map(whole?.containers.map((state) => [state.handle.name, state]));
          expect(states.get('running')).toMatchObject({ handle: running, status: 'running', labels: { role: 'app' } });
          expect(states.get('created')).toMatchObject({ handle: created, status: 'created' });
          expect(states.get('ended')).toMatchObject({ handle: ended, status: 'exited', exit: { exitCode: 9 } });
          expect(found.find((each) => each.id === empty.id)).toMatchObject({ sandbox: empty, containers: [] });
          if (harness.real) {
            const wait = second.waitContainer(running);
            await second.stopContainer(running, 10);
            expect((await wait).exitCode).toBe(143);
          }
        } finally {
          await second.close();
        }
      });

      it('two owners do not see each other, and clean leaves nothing', async () => {
        const { id } = await newSandbox();
        const other = await harness.create(`${owner}-other`, { warmPool: 1 });
        await other.open();
        try {
          const theirs = await other.createSandbox({ id: 'theirs', hostname: 'h', limits: { pids: 50 }, labels: {} });
          const handle = await other.createContainer(containerConfig('theirs', programs.runs));
          await other.startContainer(handle);
          expect((await other.recover()).map((each) => each.id)).toEqual([theirs.id]);
          expect((await driver.recover()).map((each) => each.id)).toEqual([id]);
          const report = await other.clean();
          expect(report.containers).toBeGreaterThanOrEqual(2);
          expect(await other.recover()).toEqual([]);
          expect(await other.clean()).toEqual({ containers: 0, networks: 0, cgroups: 0, volumes: 0 });
          expect((await driver.recover()).map((each) => each.id)).toEqual([id]);
        } finally {
          await other.close();
        }
      });
    });

    it('output is kept and can be read after the end', async () => {
      const handle = await run(programs.prints('first line\nsecond line\n'));
      await driver.waitContainer(handle);
      expect((await output(handle, false)).stdout).toBe('first line\nsecond line\n');
      expect((await output(handle, true)).stdout).toBe('first line\nsecond line\n');
    });

    it('says what it can do', async () => {
      const capabilities = await driver.capabilities();
      expect(capabilities.engine).toBeTruthy();
      expect(['amd64', 'arm64']).toContain(capabilities.architecture);
    });

    describe.runIf(harness.real)('processes', () => {
      it('have the environment, directory and user that were asked for', async () => {
        const text = await answer('echo "$GREETING|$EMPTY|$(pwd)|$(id -u):$(id -g)"', {
          environment: { GREETING: 'a b="c" $d', EMPTY: '' },
          workingDirectory: '/tmp',
          user: 'worker',
        });
        expect(text).toBe('a b="c" $d||/tmp|1000:1000');
      });

      it('take entry point and command apart', async () => {
        const handle = await run({ entrypoint: ['echo', 'one'], command: ['two three', '$HOME'] });
        expect((await output(handle)).stdout).toBe('one two three $HOME\n');
      });

      it('cannot write to a read-only root file system', async () => {
        const text = await answer('touch /file 2>/dev/null && echo written || echo refused', {
          readonlyRootFilesystem: true,
        });
        expect(text).toBe('refused');
      });

      it('have the ulimits that were asked for', async () => {
        const ulimits = [{ name: 'nofile', soft: 1234, hard: 2345 }];
        expect(await answer('ulimit -Sn; ulimit -Hn', { ulimits })).toBe('1234\n2345');
      });

      it('have the default capabilities, less and more as asked, and a seccomp filter', async () => {
        const read = 'grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status | tr -d "\\n\\t"';
        expect(await answer(read)).toMatch(/CapEff:00000000a80425fb.*NoNewPrivs:0.*Seccomp:2/);
        const changed = await answer(read, {
          capabilities: { add: ['SYS_PTRACE'], drop: ['ALL'] },
          noNewPrivileges: true,
        });
        expect(changed).toMatch(/CapEff:0000000000080000.*NoNewPrivs:1/);
      });

      it('run under an init when asked', async () => {
        expect(await answer('echo $$')).toBe('1');
        expect(await answer('echo $$', { init: true })).not.toBe('1');
      });

      it('see the sysctls of their sandbox', async () => {
        const sysctls = { 'net.core.somaxconn': '77' };
        expect(await answer('cat /proc/sys/net/core/somaxconn', {}, { sysctls })).toBe('77');
      });

      it('of one sandbox meet on localhost', async () => {
        const { id } = await newSandbox();
        await start(id, { name: 'server', ...shell('while true; do echo hello from server | nc -l -p 8080; done') });
        const client = shell('until nc 127.0.0.1 8080 </dev/null | grep hello; do sleep 0.05; done');
        const handle = await start(id, { name: 'client', ...client });
        expect((await output(handle)).stdout).toContain('hello from server');
      });

      it('of another sandbox are reached by address, and not on localhost', async () => {
        const server = await newSandbox();
        await start(server.id, shell('while true; do echo over there | nc -l -p 8080; done'));
        const text = await answer(
          `until nc ${server.ipv4Address} 8080 </dev/null; do sleep 0.05; done; nc -w 1 127.0.0.1 8080 </dev/null || echo refused`,
        );
        expect(text).toBe('over there\nrefused');
      });

      it('know their own name, and that it is theirs', async () => {
        const { id, ipv4Address } = await newSandbox();
        const handle = await start(id, shell('grep "$(hostname)" /etc/hosts; grep -w localhost /etc/hosts'));
        const { stdout } = await output(handle);
        expect(stdout).toMatch(new RegExp(`^${ipv4Address}\\s`, 'm'));
        expect(stdout).toMatch(/^127\.0\.0\.1\s/m);
      });

      it('have one way out, by the gateway that was told', async () => {
        const { id, gateway } = await newSandbox();
        const handle = await start(id, shell(`ip route | grep default; ls /sys/class/net; ping -c 1 ${gateway}`));
        const { stdout } = await output(handle);
        expect(stdout).toContain(`default via ${gateway} dev eth0`);
        expect(stdout).toContain('\neth0\nlo\n');
        expect(stdout).toContain(' 0% packet loss');
      });

      it('see the address that was told', async () => {
        const { id, ipv4Address, macAddress } = await newSandbox();
        const handle = await start(id, shell('ip addr show eth0'));
        const { stdout } = await output(handle);
        expect(stdout).toContain(`inet ${ipv4Address}/`);
        expect(stdout).toContain(macAddress);
      });
    });

    describe.runIf(harness.real)('output', () => {
      it('keeps streams apart, lines in order, and tells when', async () => {
        const before = Date.now() - 1;
        const script = 'for i in 1 2 3; do echo out$i; echo err$i >&2; sleep 0.01; done';
        const handle = await run(shell(script));
        const chunks: LogChunk[] = [];
        for await (const chunk of driver.logs(handle, { follow: true })) chunks.push(chunk);
        const of = (wanted: string) =>
          chunks.filter(({ stream }) => stream === wanted).map(({ data }) => Buffer.from(data).toString());
        expect(of('stdout')).toEqual(['out1\n', 'out2\n', 'out3\n']);
        expect(of('stderr')).toEqual(['err1\n', 'err2\n', 'err3\n']);
        for (const { at = 0 } of chunks) expect(at).toBeGreaterThan(before);
        const third = Math.min(...chunks.slice(-2).map(({ at = 0 }) => at)) - 0.01;
        const late = await output(handle, false, third);
        expect(late).toEqual({ stdout: 'out3\n', stderr: 'err3\n' });
      });

      it('of a long line is whole, and of many lines complete', async () => {
        const handle = await run(shell('head -c 100000 /dev/zero | tr "\\0" x; echo; seq 1 20000'));
        const { stdout } = await output(handle);
        const lines = stdout.trim().split('\n');
        expect(lines[0]).toBe('x'.repeat(100_000));
        expect(lines.slice(1)).toEqual(Array.from({ length: 20_000 }, (_, index) => String(index + 1)));
      });

      it('of a terminal is raw', async () => {
        const handle = await run({ ...shell('test -t 1 && echo terminal; echo error >&2'), tty: true });
        expect((await output(handle)).stdout).toBe('terminal\r\nerror\r\n');
      });

      it('that is followed can be left', async () => {
        const handle = await run(shell('while true; do echo tick; sleep 0.01; done'));
        const controller = new AbortController();
        let chunks = 0;
        for await (const _ of driver.logs(handle, { follow: true, signal: controller.signal }))
          if (++chunks === 3) controller.abort();
        expect(chunks).toBeGreaterThanOrEqual(3);
      });
    });

    describe.runIf(harness.real)('exec', () => {
      const text = async (chunks: AsyncIterable<LogChunk>) => {
        let all = '';
        for await (const { stream, data } of chunks) all += `${stream === 'stderr' ? '!' : ''}${Buffer.from(data)}`;
        return all;
      };

      it('runs a command beside the first process and tells its exit code', async () => {
        const handle = await run(programs.runs);
        const session = await driver.exec(handle, {
          command: ['sh', '-c', 'echo "$WHO $(id -u)"; sleep 0.05; echo bad >&2; exit 5'],
          tty: false,
          user: '1000',
          environment: { WHO: 'me' },
        });
        expect(await text(session.output)).toBe('me 1000\n!bad\n');
        expect(await session.wait()).toEqual({ exitCode: 5 });
      });

      it('talks to a terminal of the size that was asked for', async () => {
        const handle = await run(programs.runs);
        const session = await driver.exec(handle, { command: ['sh'], tty: true });
        await session.resize({ columns: 111, rows: 33 });
        await session.write(Buffer.from('stty size; exit 7\n'));
        expect(await text(session.output)).toContain('33 111');
        expect(await session.wait()).toEqual({ exitCode: 7 });
      });

      it('can be ended by force, with what it forked', async () => {
        const handle = await run(programs.runs);
        const session = await driver.exec(handle, {
          command: ['sh', '-c', 'sleep 4321 & echo forked; wait'],
          tty: false,
        });
        for await (const { data } of session.output) if (Buffer.from(data).toString().includes('forked')) break;
        await session.kill();
        expect(await session.wait()).toEqual({ exitCode: 137 });
        const look = await driver.exec(handle, { command: ['ps', '-o', 'args'], tty: false });
        expect(await text(look.output)).not.toContain('sleep 4321');
      });

      it('passes standard input on, with its end', async () => {
        const handle = await run(programs.runs);
        const session = await driver.exec(handle, { command: ['wc', '-c'], tty: false });
        await session.write(Buffer.from('12345'));
        session.close();
        expect((await text(session.output)).trim()).toBe('5');
      });
    });

    const tools: SuiteTools = {
      real: harness.real,
      noHostDirectories: harness.noHostDirectories,
      programs,
      driver: () => driver,
      another: () => harness.create(owner),
      newSandbox,
      containerConfig,
      start,
      output,
      wrote,
    };
    describeVolumes(tools);
    describeProcesses(tools);

    describe.runIf(harness.real)('limits', () => {
      // An engine on cgroup v1 hears of a lack of memory only from a moment after the container's start on.
      const hog = shell('sleep 0.5; dd if=/dev/zero of=/dev/null bs=200M count=1');

      it('a sandbox that takes more memory than it has is killed and says so', async () => {
        const handle = await run(hog, { limits: { memory: 48 * MiB } });
        expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
      });

      it('so is a container with a limit of its own, and its neighbour lives', async () => {
        const { id } = await newSandbox({ limits: { memory: 256 * MiB } });
        const neighbour = await start(id, { ...programs.runs, name: 'neighbour' });
        const handle = await start(id, { ...hog, limits: { memory: 32 * MiB } });
        expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
        expect((await driver.inspectContainer(neighbour))?.status).toBe('running');
      });

      it('containers share the memory of their sandbox', async ({ skip }) => {
        if (!(await driver.capabilities()).sandboxLimits) skip('limits are not common here');
        const { id } = await newSandbox({ limits: { memory: 64 * MiB } });
        // Either fits alone; together they do not. Files in shared memory stay charged.
        const fill = shell('head -c 40m /dev/zero > /dev/shm/file && echo filled; sleep 1000');
        const first = await start(id, { ...fill, name: 'first' });
        await wrote(first, 'filled');
        const second = await start(id, { ...hog, name: 'second' });
        expect((await driver.waitContainer(second)).exitCode).toBe(137);
      });

      it('a fork bomb stays inside', async () => {
        const handle = await run(shell('i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done; echo all'), {
          limits: { pids: 32 },
        });
        const exit = await driver.waitContainer(handle);
        expect(exit.exitCode).not.toBe(0);
        const { stdout, stderr } = await output(handle);
        expect(stdout).not.toContain('all');
        expect(stderr).toMatch(/fork/);
      });

      it('processor time is shared out', async () => {
        // What the kernel counted, not what a clock showed: it throttles the sandbox, however busy the host is.
        const handle = await run(shell('while true; do :; done'), { limits: { cpus: 0.1 } });
        const samples = [await driver.stats(handle)];
        for (let used = 0; used < 50_000_000; ) {
          const sample = await driver.stats(handle);
          samples.push(sample);
          used = sample.cpuNanoseconds - (samples[0]?.cpuNanoseconds ?? 0);
        }
        const [first, last] = [samples[0], samples.at(-1)];
        const used = (last?.cpuNanoseconds ?? 0) - (first?.cpuNanoseconds ?? 0);
        const passed = ((last?.at ?? 0) - (first?.at ?? 0)) * 1e6;
        expect(used / passed).toBeLessThan(0.4);
      });
    });

    it.runIf(harness.real)('statistics tell memory, processes and processor time', async () => {
      const handle = await run(shell('sleep 100 & sleep 100 & echo ready; wait'), { limits: { memory: 64 * MiB } });
      await wrote(handle, 'ready');
      const stats = await driver.stats(handle);
      expect(stats.pids).toBe(3);
      expect(stats.memoryBytes).toBeGreaterThan(0);
      expect(stats.memoryBytes).toBeLessThan(64 * MiB);
      expect(stats.cpuNanoseconds).toBeGreaterThan(0);
      const number = expect.any(Number);
      expect(stats).toMatchObject({
        cpu: { inUserMode: number, inKernelMode: number, cores: number, throttling: { throttledTime: number } },
        network: { received: { bytes: number, packets: number }, sent: { bytes: number, dropped: number } },
        blockIo: expect.any(Array),
      });
      expect(stats.cpu?.ofHost).toBeGreaterThan(stats.cpuNanoseconds);
      expect(Object.keys(stats.memory?.kernel ?? {})).toContain('inactive_file');
    });
  });
}
