import {
  dataSchemaUri,
  ENVELOPE_HEADERS,
  Envelope,
  eventSubject,
  SPEC_VERSION,
  type ContractCatalogue,
  type EventContract,
} from '@anime/contracts';
import type { RecordedEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { compiled } from './compiled.js';
import { issueSummary } from './field-errors.js';
import { MSG_ID_HEADER, type StoredMessage } from './stored-message.js';

const FIELDS = Object.entries(ENVELOPE_HEADERS);
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Why a message is void; thrown and caught in this file only, so that each check is one line. */
class Void extends Error {}

/** Enough to see what is wrong: a header or a key of garbage may be a megabyte. */
const LONGEST_REASON = 300;

function shortened(reason: string): string {
  if (reason.length <= LONGEST_REASON) return reason;
  // No half of a surrogate pair.
  return `${reason.slice(0, LONGEST_REASON).replace(/[\ud800-\udbff]$/, '')}…`;
}

/**
 * What one stored message is to a reader (architecture §2): a pure function of message, catalogue and root, used live, in
 * rebuilds and in single reads alike. Fencing needs the terms before it and is added by `fence`.
 * @throws only when an upcaster throws, which is a fault of this build and not of the message
 */
export function classify(message: StoredMessage, catalogue: ContractCatalogue, root: string): LogEntry {
  const { position, subject } = message;
  try {
    const envelope = readEnvelope(message);
    const place = readPlace(subject, root);
    if (envelope.subject !== `${place.aggregate}/${place.id}`) throw new Void(`ce-subject is ${envelope.subject}`);
    if (envelope.source !== `/anime/${place.producer}`) throw new Void(`ce-source is ${envelope.source}`);
    const contract = catalogue.byName.get(envelope.type);
    if (contract === undefined) return unread(envelope, place, message, catalogue);
    checkOwner(contract, place);
    if (envelope.dataschema !== dataSchemaUri(contract.name)) throw new Void(`ce-dataschema is ${envelope.dataschema}`);
    const data = readData(message.data, contract);
    if (expectedSubject(root, contract, place.id, data) !== subject)
      throw new Void(`${contract.name} does not belong on this subject`);
    return {
      status: 'event',
      position,
      event: recorded(envelope, contract, place.id, position, upcast(contract, data, catalogue)),
    };
  } catch (error) {
    if (!(error instanceof Void)) throw error;
    return { status: 'void', position, subject, reason: shortened(error.message), size: message.data.byteLength };
  }
}

interface Place {
  readonly aggregate: string;
  readonly id: string;
  readonly producer: string;
}

function readEnvelope(message: StoredMessage): Envelope {
  const fields: Record<string, unknown> = {};
  let specVersion: string | undefined;
  let messageId: string | undefined;
  try {
    specVersion = message.header('ce-specversion');
    messageId = message.header(MSG_ID_HEADER);
    for (const [field, header] of FIELDS) {
      const value = message.header(header);
      if (value !== undefined) fields[field] = field === 'epoch' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    }
  } catch {
    throw new Void('the headers cannot be read');
  }
  if (specVersion !== SPEC_VERSION) throw new Void(`ce-specversion is ${specVersion ?? 'missing'}`);
  const envelope = compiled(Envelope).safeParse(fields);
  if (!envelope.success) throw new Void(`the envelope is not valid: ${issueSummary(envelope.error)}`);
  if (messageId !== envelope.data.id)
    throw new Void(`${MSG_ID_HEADER} is ${messageId ?? 'missing'}, ce-id is ${envelope.data.id}`);
  return envelope.data;
}

function readPlace(subject: string, root: string): Place {
  const tokens = subject.startsWith(`${root}.`) ? subject.slice(root.length + 1).split('.') : [];
  const [aggregate, id, producer] = tokens;
  if (aggregate === undefined || id === undefined || producer === undefined || tokens.length > 4) {
    throw new Void(`the subject is not ${root}.<aggregate>.<id>.<producer>`);
  }
  return { aggregate, id, producer };
}

/** A well-formed message without a contract here: a newer version of a known type, or a type that nobody here knows. */
function unread(envelope: Envelope, place: Place, message: StoredMessage, catalogue: ContractCatalogue): LogEntry {
  const { position, subject } = message;
  const name = envelope.type;
  const split = name.lastIndexOf('.v');
  const type = name.slice(0, split);
  const newest = catalogue.newest.get(type);
  if (newest !== undefined) checkOwner(newest, place);
  if (newest !== undefined && Number(name.slice(split + 2)) > newest.version) {
    return { status: 'newer', position, subject, name, type, eventId: envelope.id };
  }
  return { status: 'unknown', position, subject, name, eventId: envelope.id };
}

function checkOwner(contract: EventContract, place: Place): void {
  if (contract.aggregate !== place.aggregate) throw new Void(`${contract.name} is not an event of ${place.aggregate}`);
  if (contract.producer !== place.producer)
    throw new Void(`${contract.name} belongs to ${contract.producer}, not to ${place.producer}`);
}

function readData(bytes: Uint8Array, contract: EventContract): unknown {
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new Void('the data is not JSON');
  }
  const data = compiled(contract.data).safeParse(json);
  if (!data.success) throw new Void(`the data breaks ${contract.name}: ${issueSummary(data.error)}`);
  return data.data;
}

function expectedSubject(root: string, contract: EventContract, id: string, data: unknown): string | undefined {
  try {
    return eventSubject(root, contract, id, data);
  } catch {
    return undefined;
  }
}

/** Brings data to the newest version of its type, one step at a time. */
function upcast(contract: EventContract, data: unknown, catalogue: ContractCatalogue): unknown {
  let current = data;
  for (
    let step = catalogue.upcasters.get(contract.name);
    step !== undefined;
    step = catalogue.upcasters.get(step.to.name)
  ) {
    current = step.upcast(current);
  }
  return current;
}

function recorded(
  envelope: Envelope,
  contract: EventContract,
  id: string,
  position: number,
  data: unknown,
): RecordedEvent {
  return {
    id: envelope.id,
    type: contract.type,
    storedName: contract.name,
    aggregate: contract.aggregate,
    aggregateId: id,
    producer: contract.producer,
    position,
    time: envelope.time,
    correlationId: envelope.correlationid,
    ...(envelope.causationid === undefined ? {} : { causationId: envelope.causationid }),
    actor: envelope.actor,
    ...(envelope.epoch === undefined ? {} : { epoch: envelope.epoch }),
    ...(envelope.traceparent === undefined ? {} : { traceparent: envelope.traceparent }),
    data,
  };
}
