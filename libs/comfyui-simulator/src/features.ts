/** What GET /features and the websocket's feature_flags answer say; the values of ComfyUI 0.33.0. */
export const FEATURES = {
  supports_preview_metadata: true,
  supports_model_type_tags: true,
  max_upload_size: 104_857_600,
  extension: { manager: { supports_v4: true } },
  node_replacements: true,
  assets: false,
} as const;

/** The ComfyUI release whose behaviour was measured and is imitated. */
export const COMFYUI_VERSION = '0.33.0';
