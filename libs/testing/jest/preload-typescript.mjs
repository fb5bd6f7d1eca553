// Preloaded (`node --import`) by tests that run our TypeScript as a process of its own.
import { registerTypeScript } from './typescript-source.mjs';

registerTypeScript();
