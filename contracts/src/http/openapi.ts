import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../problems.js';
import { Problem } from './problem.js';
import type { Route, RouteAnswer, RouteFile } from './route.js';

export type JsonObject = { [key: string]: JsonValue };
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** One operation: its id, and the rest as JSON. */
export type OpenApiOperation = JsonObject & { readonly operationId: string };

/** An OpenAPI 3.1 document; the parts that readers of ours rely on are typed, the rest is JSON. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonObject>>;
    readonly securitySchemes: Readonly<Record<string, JsonObject>>;
  };
}

/** What any operation may answer. */
const EVERYWHERE: readonly ProblemCode[] = ['rate-limited', 'internal'];
const PROBLEM_MEDIA_TYPE = 'application/problem+json';

const API_KEY = 'apiKey';
const SECURITY_SCHEMES: Readonly<Record<string, JsonObject>> = {
  [API_KEY]: {
    type: 'http',
    scheme: 'bearer',
    description:
      '`Authorization: Bearer anime_…`. Each operation names the scope that the key must have; `admin` includes all. A gateway that listens on this machine alone takes requests without a key for its user, who may do everything, unless ANIME_LOCAL_USER=0.',
  },
};

/** How any operation may refuse its caller; `log-unavailable` while the keys cannot be known. */
const ACCESS_PROBLEMS = [
  'validation-failed',
  'unauthenticated',
  'key-invalid',
  'scope-missing',
  'log-unavailable',
] as const;

/** Collects the schemas that have an id, so that each stands in the document once. */
class Components {
  readonly #schemas = new Map<string, JsonObject>();

  /** The schema, or a reference to it when it has an id. */
  schema(schema: z.ZodType): JsonObject {
    const { $defs, ...own } = plain(z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'output' }));
    for (const [id, definition] of Object.entries(($defs ?? {}) as JsonObject))
      this.#schemas.set(id, bare(definition as JsonObject));
    return bare(own);
  }

  sorted(): Record<string, JsonObject> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** What remains of a value in JSON, with references pointing to where components lie. */
function plain(schema: unknown): JsonObject {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonObject;
}

function bare(schema: JsonObject): JsonObject {
  const { $schema: _schema, id: _id, ...rest } = schema;
  return rest;
}

/** Builds the OpenAPI 3.1 document of these routes: pure, the same input gives the same bytes. */
export function buildOpenApi(routes: readonly Route[], version: string): OpenApiDocument {
  const components = new Components();
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route, components) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Anime production: gateway',
      version,
      description:
        'Asks for pictures and clips, and reads what became of them. A 2xx for a command means that it is durable. Every error is application/problem+json (RFC 9457).',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'generate', description: 'commands that make jobs' },
      { name: 'inputs', description: 'pictures that jobs take in' },
      { name: 'jobs', description: 'jobs and what became of them' },
      { name: 'executors', description: 'ComfyUI servers, and what runs on them' },
      { name: 'projects', description: 'what jobs and files belong to' },
      { name: 'dead-letters', description: 'events that a consumer gave up, and messages without effect' },
      { name: 'keys', description: 'who may do what' },
      { name: 'system', description: 'the system itself' },
    ],
    paths,
    components: { schemas: components.sorted(), securitySchemes: SECURITY_SCHEMES },
  };
}

function operation(route: Route, components: Components): OpenApiOperation {
  const parameters = [
    ...parametersOf(route.params, 'path', components),
    ...parametersOf(route.query, 'query', components),
    ...parametersOf(route.headers, 'header', components),
  ];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: [{ [API_KEY]: [route.scope] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.file === undefined ? {} : { requestBody: fileBody(route.file) }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse(undefined).success,
            content: { 'application/json': { schema: components.schema(route.body) } },
          },
        }),
    responses: { ...answersOf(route, components), ...problemsOf([...route.problems, ...ACCESS_PROBLEMS], components) },
  };
}

/** Raw bytes. OpenAPI 3.1 needs no schema for them; generators of clients know this one. */
function fileBody({ mediaTypes }: RouteFile): JsonObject {
  const content: JsonObject = Object.fromEntries(
    mediaTypes.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]),
  );
  return { required: true, content };
}

function parametersOf(
  schema: z.ZodType | undefined,
  place: 'path' | 'query' | 'header',
  components: Components,
): JsonObject[] {
  if (schema === undefined) return [];
  const object = components.schema(schema);
  const required = (object['required'] ?? []) as JsonValue[];
  return Object.entries((object['properties'] ?? {}) as JsonObject).map(([name, value]) => {
    const { description, ...own } = value as JsonObject;
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: own,
    };
  });
}

function answersOf(route: Route, components: Components): JsonObject {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, answer]) => [
      status,
      {
        description: answer.description,
        ...headersOf(answer, components),
        content: { 'application/json': { schema: components.schema(answer.schema) } },
      },
    ]),
  );
}

function headersOf(answer: RouteAnswer, components: Components): JsonObject {
  if (answer.headers === undefined) return {};
  return {
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, header]) => [
        name,
        {
          description: header.description,
          required: header.optional !== true,
          schema: components.schema(header.schema),
        },
      ]),
    ),
  };
}

/** One answer per status; it names the codes that this operation may give with it. */
function problemsOf(codes: readonly ProblemCode[], components: Components): JsonObject {
  const problem = components.schema(Problem);
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of [...codes, ...EVERYWHERE]) {
    const { status } = PROBLEMS[code];
    const known = byStatus.get(status) ?? [];
    if (!known.includes(code)) byStatus.set(status, [...known, code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, known]) => [
      String(status),
      {
        description: known.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
        ...headersOfProblem(status, known),
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: {
              allOf: [
                problem,
                {
                  type: 'object',
                  properties: { status: { const: status }, code: { enum: [...known] } },
                  required: ['status', 'code'],
                },
              ],
            },
          },
        },
      },
    ]),
  );
}

function headersOfProblem(status: number, codes: readonly ProblemCode[]): JsonObject {
  const headers: JsonObject = {
    ...(codes.some((code) => PROBLEMS[code].retryable) ? RETRY_AFTER : {}),
    ...(status === 401 || status === 403 ? CHALLENGE : {}),
  };
  return Object.keys(headers).length === 0 ? {} : { headers };
}

const RETRY_AFTER: JsonObject = {
  'Retry-After': {
    description: 'seconds after which to try again',
    required: false,
    schema: { type: 'integer', minimum: 0 },
  },
};

const CHALLENGE: JsonObject = {
  'WWW-Authenticate': {
    description: 'how to authenticate (RFC 6750)',
    required: true,
    schema: { type: 'string' },
  },
};
