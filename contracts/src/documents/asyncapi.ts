import type { ContractCatalogue } from '../catalogue.js';
import { ENVELOPE_HEADERS } from '../envelope.js';
import { SERVICES, type EventContract } from '../event-contract.js';
import { MESSAGE_CONTRACTS, type MessageContract } from '../messages/live-messages.js';
import { EVENTS_ROOT } from '../subjects.js';
import { schemaDocuments } from './schemas.js';

type Json = { [key: string]: unknown };

/**
 * The AsyncAPI 3.0 document of all that services tell each other: one channel per subject, one `send` operation per
 * channel and producer. Pure; checked by the official parser in the tests.
 */
export function buildAsyncApi(catalogue: ContractCatalogue, version: string): Json {
  const channels: Record<string, Json> = {};
  const operations: Record<string, Json> = {};
  const messages: Record<string, Json> = {};
  const schemas = schemaDocuments(catalogue);
  const definitions: Record<string, unknown> = {};
  /** References in AsyncAPI are relative to the document, so a schema's own definitions move to the components. */
  const payloadOf = (name: string): Json => {
    const here = `#/components/schemas/${keyOf(name)}-`;
    const text = JSON.stringify(schemas.get(`${name}.json`) ?? {}).replaceAll('"#/$defs/', `"${here}`);
    const { $schema: _schema, $id: _id, $defs, ...schema } = JSON.parse(text) as Json;
    for (const [key, value] of Object.entries($defs ?? {})) definitions[`${keyOf(name)}-${key}`] = value;
    return schema;
  };
  for (const contract of catalogue.contracts) {
    const key = keyOf(contract.name);
    messages[key] = {
      name: contract.name,
      title: contract.type,
      summary: contract.description,
      contentType: 'application/json',
      headers: { $ref: '#/components/schemas/envelopeHeaders' },
      payload: payloadOf(contract.name),
    };
    addToChannel(channels, operations, {
      channel: channelOf(contract),
      address: addressOf(contract),
      message: key,
      producer: contract.producer,
    });
  }
  for (const message of MESSAGE_CONTRACTS) {
    const key = keyOf(message.name);
    messages[key] = {
      name: message.name,
      summary: message.description,
      contentType: 'application/json',
      payload: payloadOf(message.name),
    };
    addToChannel(channels, operations, {
      channel: key,
      address: message.subject,
      message: key,
      producer: producerOf(message),
    });
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Anime production: events and messages',
      version,
      description: 'What the services tell each other over NATS. Events are CloudEvents 1.0 in binary mode.',
    },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: { messages, schemas: { envelopeHeaders: envelopeHeaders(), ...definitions } },
  };
}

/** AsyncAPI keys may hold letters, digits, `-` and `_` and `.` only. */
function keyOf(name: string): string {
  return name.replaceAll('.', '-');
}

function channelOf(contract: EventContract): string {
  const suffix = contract.subjectForm === 'plain' ? '' : `-${contract.subjectForm}`;
  return `${contract.aggregate}-${contract.producer}${suffix}`;
}

function addressOf(contract: EventContract): string {
  const plain = `${EVENTS_ROOT}.${contract.aggregate}.{id}.${contract.producer}`;
  if (contract.subjectForm === 'plain') return plain;
  return contract.subjectForm === 'accepted' ? `${plain}.accepted` : `${plain}.{executorId}`;
}

function producerOf(message: MessageContract): string {
  return message.producer === 'each' ? 'every-service' : message.producer;
}

interface Sending {
  readonly channel: string;
  readonly address: string;
  readonly message: string;
  readonly producer: string;
}

function addToChannel(
  channels: Record<string, Json>,
  operations: Record<string, Json>,
  { channel, address, message, producer }: Sending,
): void {
  const known = channels[channel] as { messages: Record<string, Json> } | undefined;
  const parameters = Object.fromEntries(
    [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [
      name,
      name === 'service' ? { enum: [...SERVICES] } : { description: 'lower-case UUID' },
    ]),
  );
  channels[channel] = {
    address,
    parameters,
    messages: { ...known?.messages, [message]: { $ref: `#/components/messages/${message}` } },
  };
  const channelMessages = Object.keys((channels[channel] as { messages: Json }).messages);
  operations[`${producer}-sends-${channel}`] = {
    action: 'send',
    summary: `sent by ${producer}`,
    channel: { $ref: `#/channels/${channel}` },
    messages: channelMessages.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
  };
}

function envelopeHeaders(): Json {
  const optional = new Set(['causationid', 'epoch', 'traceparent']);
  const fields = Object.entries(ENVELOPE_HEADERS);
  return {
    type: 'object',
    properties: {
      'ce-specversion': { const: '1.0' },
      'Nats-Msg-Id': { type: 'string', description: 'repeats ce-id' },
      ...Object.fromEntries(fields.map(([, header]) => [header, { type: 'string' }])),
    },
    required: [
      'ce-specversion',
      'Nats-Msg-Id',
      ...fields.filter(([name]) => !optional.has(name)).map(([, header]) => header),
    ],
  };
}
