/** Stands in every file the simulator writes, so that none can be taken for a model's work. */
export const SOFTWARE = 'ComfyUI simulator (no model was run)';
