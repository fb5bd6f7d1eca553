import { UnexpectedAnswerError, type ComfyClient, type InputSpec, type NodeDefinition } from '@anime/comfyui-client';
import type { ApiGraph } from '@anime/contracts';
import { missingModel, missingNode, type Decline } from '../domain/attempt/decline.js';
import { missingModelIn, missingNodeIn, type Combo, type KnownClass } from '../domain/attempt/needs.js';
import type { ServerMemory } from './server-memory.js';

/** The server has it and cannot tell, or not so that it can be read here: it judges by itself when it gets the graph. */
const UNREADABLE: KnownClass = { isOutputNode: true, combos: [] };

/** The node classes of one server, as far as graphs have needed them; kept until it is started anew. */
export class NodeCatalogue {
  readonly #client: ComfyClient;
  readonly #server: ServerMemory;
  #boot = 0;
  #classes = new Map<string, KnownClass>();

  constructor(client: ComfyClient, server: ServerMemory) {
    this.#client = client;
    this.#server = server;
  }

  /** What is known of a class; undefined for one that the server does not have, or that no graph has needed yet. */
  readonly known = (classType: string): KnownClass | undefined => this.#classes.get(classType);

  /**
   * What the graph needs and the server does not have. Classes are asked for once; what is not found is asked for again, as models
   * are added while a server runs.
   * @throws ProblemError `comfyui-unavailable`
   */
  async missingIn(graph: ApiGraph): Promise<Decline | undefined> {
    if (this.#boot !== this.#server.boot) {
      this.#classes = new Map();
      this.#boot = this.#server.boot;
    }
    const needed = new Set(Object.values(graph).map((node) => node.class_type));
    await Promise.all([...needed].filter((name) => !this.#classes.has(name)).map((name) => this.#ask(name)));
    const node = missingNodeIn(graph, this.known);
    if (node !== undefined) return missingNode(node.nodeId, node.classType, await this.#allNames());
    const stale = missingModelIn(graph, this.known);
    if (stale === undefined) return undefined;
    await Promise.all([...needed].map((name) => this.#ask(name)));
    const model = missingModelIn(graph, this.known);
    return model === undefined ? undefined : missingModel(model);
  }

  /** The server has refused what was known to be there. */
  forget(): void {
    this.#boot = 0;
  }

  async #ask(classType: string): Promise<void> {
    const known = await this.#client
      .nodeDefinition(classType)
      .then((definition) => definition && knownClass(definition), insteadOf(UNREADABLE));
    if (known === undefined) this.#classes.delete(classType);
    else this.#classes.set(classType, known);
  }

  /** Empty when the server does not tell. */
  async #allNames(): Promise<readonly string[]> {
    return this.#client.nodeClasses().catch(insteadOf<readonly string[]>([]));
  }
}

/** What stands in for an answer that the server itself gave, and that is of no use. @throws any other error */
function insteadOf<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof UnexpectedAnswerError && !error.isGateways) return value;
    throw error;
  };
}

function knownClass({ isOutputNode, inputs }: NodeDefinition): KnownClass {
  return { isOutputNode, combos: [...inputs.required, ...inputs.optional].flatMap(combo) };
}

function combo(spec: InputSpec): Combo[] {
  if (spec.kind !== 'combo') return [];
  const { image_upload: image, audio_upload: audio, video_upload: video, file_upload: file } = spec.options;
  return [
    {
      input: spec.name,
      values: spec.values?.filter((value) => typeof value === 'string'),
      isUpload: [image, audio, video, file].includes(true),
    },
  ];
}
