import type { MetricResult } from '@anime/contracts';
import { PictureError, unavailableMetrics, type ClassicalScorer, type MetricScore } from '@anime/quality-metrics';

/**
 * Measures one output. What cannot be decoded, or is of a kind that this build cannot read, has every metric
 * `unavailable` with the reason (law 10).
 * @throws when the machine or the scorer is at fault: another try may succeed
 */
export async function measure(
  scorer: Pick<ClassicalScorer, 'scorePicture'>,
  bytes: Uint8Array,
  mediaType: string,
): Promise<MetricResult[]> {
  try {
    const { metrics, graphSha256 } = await scorer.scorePicture(bytes);
    return metrics.map((score) => resultOf(score, graphSha256));
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    if (error.code !== 'unsupported-image-format') return unavailable(error.message);
    return unavailable(
      `This build cannot measure ${mediaType}: ${error.message}`,
      'a build of the scorer that reads this format',
    );
  }
}

function unavailable(reason: string, remedy?: string): MetricResult[] {
  return unavailableMetrics(reason).map((score) => ({
    ...score,
    ...(remedy === undefined ? {} : { enabledBy: remedy }),
  }));
}

function resultOf(score: MetricScore, graphSha256: string): MetricResult {
  if (score.status === 'unavailable') {
    const { remedy, ...rest } = score;
    return { ...rest, ...(remedy === undefined ? {} : { enabledBy: remedy }) };
  }
  const { evidence, ...rest } = score;
  return { ...rest, ...(evidence === undefined ? {} : { evidence: { ...evidence } }), modelSha256: graphSha256 };
}
