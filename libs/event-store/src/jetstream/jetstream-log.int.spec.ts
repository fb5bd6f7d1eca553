import { runEventLogConformance } from '../testing/event-log-conformance.js';
import { useStudios } from '../testing/jetstream/studio.js';

const newStudio = useStudios();

runEventLogConformance('JetStreamLog', async () => {
  const { open, root, putRaw } = await newStudio();
  return { log: open(), root, putRaw, readBy: (catalogue) => open({ catalogue }) };
});
