export { FileSubjectKeys } from './file-subject-keys.js';
export { keysFolderFault } from './keys-folder.js';
export { openSealed, type Opened } from './open-sealed.js';
export { MAX_SEALED_BYTES, type SubjectKeys } from './subject-keys.js';
