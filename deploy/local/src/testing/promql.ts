import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** What a PromQL query asks for. */
export interface PromqlQuery {
  readonly selectors: readonly Selector[];
  /** Labels that series are grouped or matched by. */
  readonly labels: readonly string[];
  /** Quantiles of a histogram that are made of something else than its buckets, by `le`: they show nothing. */
  readonly emptyQuantiles: readonly string[];
}

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** Reads a query by Prometheus' own grammar; Grafana's variables stand for durations. @returns undefined when it is no PromQL, or makes labels anew */
export function readPromql(query: string): PromqlQuery | undefined {
  const text = query.replaceAll(/\$\w+/g, '5m');
  const root = parser.parse(text).topNode;
  const said = ({ from, to }: SyntaxNode): string => text.slice(from, to);
  if (all(root, '⚠').length > 0) return undefined;
  // They name labels in texts, which would not be looked up.
  if (all(root, 'LabelReplace').length + all(root, 'LabelJoin').length > 0) return undefined;
  const grouped = (node: SyntaxNode): string[] =>
    all(node, 'GroupingLabels').flatMap((list) => all(list, 'LabelName').map(said));
  return {
    selectors: all(root, 'VectorSelector').map((selector) => ({
      metric: all(selector, 'Identifier').map(said)[0] ?? '',
      matchers: [
        ...all(selector, 'UnquotedLabelMatcher').map((matcher) => ({
          label: all(matcher, 'LabelName').map(said)[0] ?? '',
          operator: all(matcher, 'MatchOp').map(said)[0] ?? '',
          value: unquoted(all(matcher, 'StringLiteral').map(said)[0]),
        })),
        ...all(selector, 'QuotedLabelMatcher').map((matcher) => ({
          label: unquoted(all(matcher, 'QuotedLabelName').map(said)[0]),
          operator: all(matcher, 'MatchOp').map(said)[0] ?? '',
          value: unquoted(all(matcher, 'StringLiteral').map(said).at(-1)),
        })),
      ],
    })),
    labels: grouped(root),
    emptyQuantiles: all(root, 'FunctionCall')
      .filter((call) => call.firstChild?.firstChild?.name === 'HistogramQuantile')
      .filter((call) => {
        const metrics = all(call, 'VectorSelector').flatMap((selector) => all(selector, 'Identifier').map(said));
        const keepsLe = all(call, 'AggregateExpr').every((aggregate) => {
          const modifier = aggregate.getChild('AggregateModifier');
          if (modifier === null) return false;
          return (modifier.firstChild?.name === 'By') === grouped(modifier).includes('le');
        });
        return !keepsLe || !metrics.every((metric) => metric.endsWith('_bucket'));
      })
      .map(said),
  };
}

function unquoted(literal = '""'): string {
  return literal.slice(1, -1);
}

/** The nodes of this name in a part of the tree, itself included. */
function all(node: SyntaxNode, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  node.cursor().iterate((each) => {
    if (each.name === name) found.push(each.node);
  });
  return found;
}
