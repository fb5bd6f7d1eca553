import { z } from 'zod';

/** `GET /system_stats`. Sizes are bytes; keys of other versions are kept beside the known ones. */
export const SystemStats = z.looseObject({
  system: z.looseObject({
    /** As Python's `sys.platform` or `os.name` says. */
    os: z.string().optional(),
    ram_total: z.number().nullish(),
    ram_free: z.number().nullish(),
    comfyui_version: z.string().default('unknown'),
    required_frontend_version: z.string().nullish(),
    installed_templates_version: z.string().nullish(),
    required_templates_version: z.string().nullish(),
    comfy_package_versions: z
      .array(z.looseObject({ name: z.string(), installed: z.string().nullish(), required: z.string().nullish() }))
      .optional(),
    python_version: z.string().optional(),
    pytorch_version: z.string().optional(),
    embedded_python: z.boolean().optional(),
    deploy_environment: z.string().optional(),
    /** What the server was started with. */
    argv: z.array(z.string()).default([]),
  }),
  devices: z.array(
    z.looseObject({
      name: z.string(),
      /** `cuda`, `mps`, `cpu`…; on `cpu` the memory is the machine's. */
      type: z.string().optional(),
      index: z.number().nullish(),
      /** Of the device. */
      vram_total: z.number().nullish(),
      /** What a model may still take: free on the device, and free within what torch has reserved. */
      vram_free: z.number().nullish(),
      /** Reserved by torch, and unused of that. */
      torch_vram_total: z.number().nullish(),
      torch_vram_free: z.number().nullish(),
    }),
  ),
});
export type SystemStats = z.infer<typeof SystemStats>;

/** `GET /features`, also the answer to our first message on the websocket. */
export const ServerFeatures = z.looseObject({
  /** Previews name their prompt and node. */
  supports_preview_metadata: z.boolean().optional(),
  /** In bytes; a larger request is answered 413. */
  max_upload_size: z.number().optional(),
  node_replacements: z.boolean().optional(),
  assets: z.boolean().optional(),
});
export type ServerFeatures = z.infer<typeof ServerFeatures>;

/** `GET /models` and `/models/{folder}`. */
export const Names = z.array(z.string());

/**
 * `GET /v2/customnode/installed` or `/customnode/installed` of ComfyUI-Manager, by folder. Not part of ComfyUI and not in the
 * recordings, so only what is a string is taken.
 */
export const InstalledPacksAnswer = z.record(
  z.string(),
  z.looseObject({
    ver: z.string().nullish().catch(null),
    cnr_id: z.string().nullish().catch(null),
    aux_id: z.string().nullish().catch(null),
    enabled: z.boolean().nullish().catch(null),
  }),
);

/** A node pack as ComfyUI-Manager tells it. */
export interface InstalledPack {
  /** Folder below custom_nodes. */
  readonly name: string;
  /** Version or commit; null where it is not told. */
  readonly version: string | null;
  /** Id in the Comfy registry; null for others. */
  readonly registryId: string | null;
  /** `owner/repository`; null where it is not told. */
  readonly repository: string | null;
  readonly isEnabled: boolean;
}
