import type { FastifyInstance } from 'fastify';

interface Route {
  readonly methods: ReadonlySet<string>;
  readonly matches: RegExp;
}

/** The routes a Fastify instance has, to tell "no such method here" from "no such path". */
export class RouteTable {
  readonly #routes: Route[] = [];

  /** Watch `instance` before its routes are added. */
  constructor(instance: FastifyInstance) {
    instance.addHook('onRoute', (route) => {
      this.#routes.push({ methods: new Set([route.method].flat()), matches: patternOf(route.url) });
    });
  }

  /** The methods that the path has, sorted; none when the path is unknown. */
  methodsOf(path: string): readonly string[] {
    const methods = this.#routes.filter((route) => route.matches.test(path)).flatMap((route) => [...route.methods]);
    return [...new Set(methods)].sort();
  }
}

/** Fastify's `/jobs/:id/files/*` as a regular expression. */
function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((segment) =>
      segment.includes(':') ? '[^/]+' : segment.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*'),
    )
    .join('/');
  return new RegExp(`^${source}$`);
}
