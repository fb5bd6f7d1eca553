import { spanName, type SpanDefinition, type SpanKindName } from '@anime/contracts/telemetry';
import { isProblem } from '@anime/problem-details';
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type AttributeValue,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';

const tracer = trace.getTracer('@anime');

const KINDS: Readonly<Record<SpanKindName, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

export interface SpanOptions<Attribute extends string> {
  /** For the placeholders of the name. */
  readonly name?: Readonly<Record<string, string>>;
  readonly attributes?: Readonly<Partial<Record<Attribute, AttributeValue>>>;
  /** Default: the active context. */
  readonly parent?: Context;
  readonly links?: Link[];
}

/** Begins a span of the catalogue; end it. */
export function startSpan<Attribute extends string>(
  definition: SpanDefinition<Attribute>,
  { name = {}, attributes, parent = context.active(), links }: SpanOptions<Attribute>,
): Span {
  const span = tracer.startSpan(
    definition.name,
    { kind: KINDS[definition.kind], ...(links === undefined ? {} : { links }) },
    parent,
  );
  // Mostly nobody looks: what a span is called and carries is worked out for those that are kept.
  if (span.isRecording()) {
    span.updateName(spanName(definition, name));
    if (attributes !== undefined) span.setAttributes(attributes);
  }
  return span;
}

/** Runs `run` inside a span of the catalogue; what it throws marks the span and is thrown on. */
export async function inSpan<T, Attribute extends string>(
  definition: SpanDefinition<Attribute>,
  options: SpanOptions<Attribute>,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = startSpan(definition, { ...options, parent });
  try {
    return await context.with(trace.setSpan(parent, span), run, undefined, span);
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed. It gets the error's code or class: its message may tell what people or prompts say (law 11). */
export function failSpan(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', isProblem(error) ? error.code : error instanceof Error ? error.name : typeof error);
}
