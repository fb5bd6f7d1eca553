// The baseline of a POST without its durability: Fastify and one zod schema, answering 202 at once.
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { z } from 'zod';

const Body = z.strictObject({
  prompt: z.string().min(1),
  width: z.int(),
  height: z.int(),
  steps: z.int(),
  seed: z.int(),
});

const server = Fastify();
server.post('/api/anime/generate/image', (request, reply) => {
  const { data, error } = Body.safeParse(request.body);
  if (error !== undefined) return reply.status(400).send({ error: error.message });
  return reply.status(202).send({ jobId: randomUUID(), status: 'requested', type: 'image', seed: data.seed });
});
await server.listen({ port: 0, host: '127.0.0.1' });
const { port } = server.server.address() as AddressInfo; // it listens on TCP
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
process.on('SIGTERM', () => process.exit(0));
