export { losingAcknowledgements } from './lost-acknowledgements.js';
