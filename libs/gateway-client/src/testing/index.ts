export { AnswerCheck } from './answer-check.js';
