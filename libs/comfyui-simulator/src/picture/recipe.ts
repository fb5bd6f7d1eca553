/** All that decides a picture, as it arrived at the sampler. */
export interface SamplingRecipe {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly checkpoint: string;
  readonly seed: number;
  readonly steps: number;
  readonly cfg: number;
  readonly sampler: string;
  readonly scheduler: string;
  /** 1: from pure noise. */
  readonly denoise: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Place in a batch. A batch of more than one is a loop in time. */
export interface FramePlace {
  readonly index: number;
  readonly count: number;
}
