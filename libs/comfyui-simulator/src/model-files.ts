/** File names the loaders offer, by folder of ComfyUI's models directory. May be changed while the server runs. */
export type ModelFiles = Record<string, readonly string[]>;

export const DEFAULT_CHECKPOINT = 'simulated-anime-v1.safetensors';

/** What the graphs in fixtures/graphs load, and one checkpoint that says what it is. */
export const DEFAULT_MODEL_FILES: Readonly<ModelFiles> = {
  checkpoints: [
    DEFAULT_CHECKPOINT,
    'counterfeitV30_v30.safetensors',
    'illustriousXL_v01.safetensors',
    'ltx-video-2b-v0.9.5.safetensors',
    'noobaiXLNAIXL_vPred10.safetensors',
    'svd_xt_1_1.safetensors',
  ],
  loras: ['character.safetensors'],
  vae: ['hunyuan_video_vae_bf16.safetensors', 'wan2.2_vae.safetensors', 'wan_2.1_vae.safetensors'],
  text_encoders: [
    'clip_l.safetensors',
    'llava_llama3_fp16.safetensors',
    'llava_llama3_fp8_scaled.safetensors',
    't5xxl_fp16.safetensors',
    'umt5_xxl_fp8_e4m3fn_scaled.safetensors',
  ],
  diffusion_models: [
    'FramePackI2V_HY_fp8_e4m3fn.safetensors',
    'hunyuan_video_t2v_720p_bf16.safetensors',
    'hunyuan_video_v2_replace_image_to_video_720p_bf16.safetensors',
    'wan2.1_i2v_480p_14B_fp16.safetensors',
    'wan2.1_t2v_1.3B_fp16.safetensors',
    'wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors',
    'wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors',
    'wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors',
    'wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors',
    'wan2.2_ti2v_5B_fp16.safetensors',
  ],
  clip_vision: [
    'CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors',
    'clip_vision_h.safetensors',
    'llava_llama3_vision.safetensors',
    'sigclip_vision_patch14_384.safetensors',
  ],
  controlnet: ['controlnet-union-sdxl-promax.safetensors'],
  upscale_models: ['RealESRGAN_x4plus_anime_6B.pth'],
  ipadapter: ['ip-adapter-plus_sdxl_vit-h.safetensors', 'ip-adapter-plus_sd15.safetensors'],
  animatediff_models: ['v3_sd15_mm.ckpt'],
  ultralytics: ['bbox/face_yolov8m.pt', 'bbox/hand_yolov8s.pt'],
};

/** Which widgets list the files of which folder: class, input, folder. */
export const MODEL_INPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  CheckpointLoaderSimple: { ckpt_name: 'checkpoints' },
  ImageOnlyCheckpointLoader: { ckpt_name: 'checkpoints' },
  LoraLoader: { lora_name: 'loras' },
  LoraLoaderModelOnly: { lora_name: 'loras' },
  UNETLoader: { unet_name: 'diffusion_models' },
  CLIPLoader: { clip_name: 'text_encoders' },
  DualCLIPLoader: { clip_name1: 'text_encoders', clip_name2: 'text_encoders' },
  VAELoader: { vae_name: 'vae' },
  CLIPVisionLoader: { clip_name: 'clip_vision' },
  ControlNetLoader: { control_net_name: 'controlnet' },
  UpscaleModelLoader: { model_name: 'upscale_models' },
  ADE_LoadAnimateDiffModel: { model_name: 'animatediff_models' },
  LoadFramePackModel: { model: 'diffusion_models' },
  UltralyticsDetectorProvider: { model_name: 'ultralytics' },
};

/** The default files, with those of some folders replaced. */
export function modelFilesOf(given: Partial<ModelFiles> = {}, checkpoints?: readonly string[]): ModelFiles {
  const files: ModelFiles = { ...DEFAULT_MODEL_FILES };
  for (const [folder, names] of Object.entries(given)) if (names !== undefined) files[folder] = names;
  return checkpoints === undefined ? files : { ...files, checkpoints };
}
