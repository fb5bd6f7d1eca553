// The baseline of the progress-relay: every message of a job to every socket of the job, with nothing kept, checked or numbered.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from '@nats-io/transport-node';
import { WebSocketServer, type WebSocket } from 'ws';
import { RAW_PROGRESS_ROOT } from './raw-progress.js';

const rooms = new Map<string, Set<WebSocket>>();
const nc = await connect({ servers: process.env['NATS_URL'] ?? '' });
nc.subscribe(`${RAW_PROGRESS_ROOT}.*`, {
  callback: (_error, message) => {
    const room = rooms.get(message.subject.split('.')[1] ?? '');
    if (room === undefined) return;
    for (const socket of room) socket.send(message.data, { binary: false });
  },
});
const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket, request) => {
  const job = request.url?.split('/')[4] ?? '';
  const room = rooms.get(job) ?? new Set();
  rooms.set(job, room.add(socket));
  socket.on('close', () => room.delete(socket));
  socket.send('{"type":"hello"}');
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
