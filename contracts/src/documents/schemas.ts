import { z } from 'zod';
import type { ContractCatalogue } from '../catalogue.js';
import { dataSchemaUri, Envelope } from '../envelope.js';
import { MESSAGE_CONTRACTS } from '../messages/live-messages.js';

type Json = { [key: string]: unknown };

/** A zod schema as JSON Schema 2020-12, with the URI that `ce-dataschema` names. */
function jsonSchema(schema: z.ZodType, name: string, description: string): Json {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'output' }) as Json;
  return { $schema, $id: dataSchemaUri(name), title: name, description, ...rest };
}

/** The JSON Schema of every event version and message by file name, and of the envelope; pure, in a fixed order. */
export function schemaDocuments(catalogue: ContractCatalogue): Map<string, Json> {
  const documents = new Map<string, Json>();
  documents.set('envelope.json', jsonSchema(Envelope, 'envelope', 'The CloudEvents attributes of every event'));
  for (const contract of catalogue.contracts) {
    documents.set(`${contract.name}.json`, jsonSchema(contract.data, contract.name, contract.description));
  }
  for (const message of MESSAGE_CONTRACTS) {
    documents.set(`${message.name}.json`, jsonSchema(message.data, message.name, message.description));
  }
  return documents;
}
