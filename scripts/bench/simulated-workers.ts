/** A process of its own: as many workers as its argument says, each with a name, a lease, a queue and a runtime of its own. */
import { join } from 'node:path';
import pLimit from 'p-limit';
import { pino } from 'pino';
import { readSettings } from '../../core/settings.ts';
import { type RunningWorker, startWorker } from '../../worker/main.ts';

/** Workers that start at once. */
const together = 20;

const count = Number(process.argv[2]);
const settings = readSettings(process.env);
const log = pino({ level: settings.logLevel });
const limit = pLimit(together);
const width = String(count).length;

const workers = await Promise.all(
  Array.from({ length: count }, (_, index) =>
    limit(async (): Promise<RunningWorker> => {
      const workerName = `simulated-${String(index).padStart(width, '0')}`;
      const dataDir = join(settings.dataDir, 'workers', workerName);
      const own = { ...settings, workerName, dataDir };
      return await startWorker({ settings: own, redisUrl: settings.redisUrl ?? '', installation: 'bench', log });
    }),
  ),
);

process.once('disconnect', () => {
  Promise.all(workers.map(async (worker) => await worker.close())).then(
    () => process.exit(0),
    (error: unknown) => {
      log.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
