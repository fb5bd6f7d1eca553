/**
 * Names what computed a score: two scores of one build are comparable, and a second score of the same build is a repeat.
 * @param version of this package
 * @param graphSha256 of the ONNX graph's bytes
 * @returns e.g. `0.1.0+graph.1f3a9c0b`, a semantic version with build metadata
 */
export function scorerBuildOf(version: string, graphSha256: string): string {
  return `${version}+graph.${graphSha256.slice(0, 8)}`;
}
