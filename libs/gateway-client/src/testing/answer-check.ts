import { gatewayOpenApi, type OpenApiDocument, type Route } from '@anime/contracts/http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

interface Operation {
  readonly id: string;
  readonly tag: Route['tag'];
  readonly method: string;
  readonly path: string;
  readonly matches: RegExp;
}

/**
 * Holds every answer of a gateway against its OpenAPI document: status, media type, headers and body, of errors too; and
 * remembers which operations were called, so that a test can demand all of them.
 */
export class AnswerCheck {
  readonly #document: OpenApiDocument;
  readonly #operations: readonly Operation[];
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #called = new Set<string>();

  constructor(document: OpenApiDocument = gatewayOpenApi()) {
    this.#document = document;
    ajvFormats.default(this.#ajv);
    this.#ajv.addSchema(document, 'openapi');
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        id: operation.operationId,
        tag: (operation['tags'] as [Route['tag']])[0], // one each: see `buildOpenApi`
        method,
        path,
        matches: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      })),
    );
  }

  /** Operations that no answer was checked for. @param tags only those under these tags */
  uncalled(tags?: readonly Route['tag'][]): readonly string[] {
    const wanted = this.#operations.filter(({ tag }) => tags === undefined || tags.includes(tag));
    return wanted.map(({ id }) => id).filter((id) => !this.#called.has(id));
  }

  /**
   * Checks one answer; the response can still be read afterwards.
   * @throws Error that says how the answer differs from the document
   */
  async validateAnswer(operationId: string, response: Response): Promise<void> {
    const operation = this.#operations.find(({ id }) => id === operationId);
    if (operation === undefined) throw new Error(`the document has no operation ${operationId}`);
    this.#called.add(operationId);
    const where = `${operationId} answered ${response.status}`;
    const described = answerOf(this.#document, operation, response.status);
    if (described === undefined)
      throw new Error(`${where}, which its document does not have: ${await response.clone().text()}`);
    const mediaType = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    if (!described.mediaTypes.includes(mediaType))
      throw new Error(`${where} as ${mediaType}, not as ${described.mediaTypes.join(' or ')}`);
    const missing = described.requiredHeaders.filter((name) => !response.headers.has(name));
    if (missing.length > 0) throw new Error(`${where} without ${missing.join(', ')}`);
    const validate = this.#validator(operation, response.status, mediaType);
    const body: unknown = await response.clone().json();
    if (!validate(body))
      throw new Error(
        `${where} with a body that does not fit: ${this.#ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`,
      );
  }

  /** A `fetch` whose every answer from an operation of the document is checked. */
  get fetch(): (input: Request | string, init?: RequestInit) => Promise<Response> {
    return async (input, init) => {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      const response = await fetch(request);
      const operation = this.#operations.find(
        ({ method, matches }) => method === request.method.toLowerCase() && matches.test(pathname),
      );
      if (operation !== undefined) await this.validateAnswer(operation.id, response);
      return response;
    };
  }

  #validator({ path, method }: Operation, status: number, mediaType: string): ValidateFunction {
    const pointer = ['paths', path, method, 'responses', String(status), 'content', mediaType, 'schema']
      .map((token) => encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const key = `openapi#/${pointer}`;
    const known = this.#validators.get(key) ?? this.#ajv.compile({ $ref: key });
    this.#validators.set(key, known);
    return known;
  }
}

interface DescribedAnswer {
  readonly mediaTypes: readonly string[];
  readonly requiredHeaders: readonly string[];
}

interface OpenApiResponse {
  readonly content?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
}

function answerOf(document: OpenApiDocument, { path, method }: Operation, status: number): DescribedAnswer | undefined {
  const responses = document.paths[path]?.[method]?.['responses'] as
    | Readonly<Record<string, OpenApiResponse>>
    | undefined;
  const answer = responses?.[String(status)];
  if (answer === undefined) return undefined;
  return {
    mediaTypes: Object.keys(answer.content ?? {}),
    requiredHeaders: Object.entries(answer.headers ?? {})
      .filter(([, header]) => header.required === true)
      .map(([name]) => name),
  };
}
