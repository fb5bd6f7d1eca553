export { hideLogins } from './hide-logins.js';
export * from './problem-error.js';
export * from './problem-json.js';
