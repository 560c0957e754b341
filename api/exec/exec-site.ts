/**
 * The WebSockets of ECS Exec on the API's port: clients with a session's token on one side, workers that were called to
 * it on the other. What they say to each other is passed on as it is; sessions live at the worker.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../core/clock.ts';
import { channelClosed, readJson } from '../../core/exec/agent-message.ts';
import { clientPath, execPath, newToken, type Summons, workerPath } from '../../core/exec/session.ts';
import type { ExecSessionStore } from '../../core/store/exec-session-store.ts';
import type { Site } from '../server.ts';
import { keepAlive, relay } from './relay.ts';

export interface ExecSiteOptions {
  readonly sessions: Pick<ExecSessionStore, 'open' | 'get'>;
  /** False: no such worker listens. */
  readonly summon: (worker: string, summons: Summons) => Promise<boolean>;
  /** Where workers reach this process, for example `http://10.0.0.5:4566`. */
  readonly address: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ExecSite extends Site {
  /** Lets go of clients, which may come back to another process. */
  close(): void;
}

/** Bytes of one message of a client or worker. */
const longestFrame = 1 << 20;
/** Milliseconds for a client to show its token. */
const tokenPatience = 15_000;
/** Milliseconds for a worker to come, and between two calls while none listens. */
const workerPatience = 10_000;
const callAgain = 500;
/** Connections that have not shown their token yet. */
const mostStrangers = 1000;

const words = {
  refused: 'The session was not found, or its token was used already or is too old.',
  unreachable: 'The execute command failed due to an internal error. Try again later.',
};

export function createExecSite({ sessions, summon, address, clock, log }: ExecSiteOptions): ExecSite {
  const server = new WebSocketServer({ noServer: true, maxPayload: longestFrame, perMessageDeflate: false });
  const strangers = new Set<WebSocket>();
  const clients = new Set<WebSocket>();
  /** Clients whose worker has been called, by its ticket. */
  const expected = new Map<string, (worker: WebSocket) => void>();

  function upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const path = (incoming.url ?? '').replace(/\?.*/s, '');
    if (path === workerPath) {
      const ticket = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? '')?.[1] ?? '';
      const join = expected.get(ticket);
      expected.delete(ticket);
      if (join) server.handleUpgrade(incoming, socket, head, join);
      else refuse(socket, 401);
    } else if (!path.startsWith(clientPath)) refuse(socket, 404);
    else if (strangers.size >= mostStrangers) refuse(socket, 503);
    else server.handleUpgrade(incoming, socket, head, (client) => greet(client, path.slice(clientPath.length)));
  }

  /** The token is the client's first message. */
  function greet(client: WebSocket, sessionId: string): void {
    strangers.add(client);
    clients.add(client);
    client.on('error', (error) => log.debug({ err: error, session: sessionId }, "a client's connection broke"));
    const impatient = setTimeout(() => client.close(1008), tokenPatience);
    client.once('close', () => {
      clearTimeout(impatient);
      strangers.delete(client);
      clients.delete(client);
    });
    client.once('message', (data: RawData) => {
      clearTimeout(impatient);
      strangers.delete(client);
      const token = readJson(data as Buffer)?.TokenValue;
      connect(client, sessionId, typeof token === 'string' ? token : '').catch((error: unknown) => {
        log.warn({ err: error, session: sessionId }, 'a client could not be connected');
        client.close(1011);
      });
    });
  }

  async function connect(client: WebSocket, sessionId: string, token: string): Promise<void> {
    const early = hold(client);
    const opened = await sessions.open(sessionId, token);
    if (!opened) return dismiss(client, sessionId, words.refused);
    const { session, attachment } = opened;
    const worker = await called(client, session.worker, (ticket) => ({
      type: 'attach',
      session,
      attachment,
      address: address(),
      ticket,
    }));
    if (!worker) return dismiss(client, sessionId, words.unreachable);
    worker.on('error', (error) => log.debug({ err: error, session: sessionId }, "a worker's connection broke"));
    relay(client, worker, early());
    keepAlive(client);
    keepAlive(worker);
  }

  /** Calls the worker until it comes. undefined: it did not, or the client has gone meanwhile. */
  function called(
    client: WebSocket,
    worker: string,
    summons: (ticket: string) => Summons,
  ): Promise<WebSocket | undefined> {
    const ticket = newToken();
    const deadline = Date.now() + workerPatience;
    return new Promise((resolve, reject) => {
      let again: NodeJS.Timeout | undefined;
      const done = (socket: WebSocket | undefined) => {
        clearTimeout(again);
        clearTimeout(late);
        client.off('close', gone);
        expected.delete(ticket);
        resolve(socket);
      };
      const gone = () => done(undefined);
      const late = setTimeout(gone, workerPatience);
      const call = async (): Promise<void> => {
        const heard = await summon(worker, summons(ticket));
        if (!heard && expected.has(ticket) && Date.now() < deadline)
          again = setTimeout(() => call().catch(reject), callAgain);
      };
      expected.set(ticket, done);
      client.once('close', gone);
      call().catch((error: unknown) => {
        reject(error);
        done(undefined);
      });
    });
  }

  function dismiss(client: WebSocket, sessionId: string, output: string): void {
    client.send(channelClosed(sessionId, output, clock()), { binary: true }, () => {});
    client.resume();
    client.close(1008);
    setTimeout(() => client.terminate(), 1000).unref();
  }

  return {
    prefix: execPath,
    upgrade,
    close() {
      for (const client of clients) {
        client.resume();
        client.close(1001);
        setTimeout(() => client.terminate(), 500).unref();
      }
    },
  };
}

/** Stops a connection; what it had sent already is what the returned function gives, which also ends the listening. */
function hold(client: WebSocket): () => readonly Buffer[] {
  const early: Buffer[] = [];
  const keep = (data: RawData, isBinary: boolean) => {
    if (isBinary) early.push(data as Buffer);
  };
  client.on('message', keep);
  client.pause();
  return () => {
    client.off('message', keep);
    return early;
  };
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
