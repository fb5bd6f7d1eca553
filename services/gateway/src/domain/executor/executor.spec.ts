import {
  ExecutorDrainedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
  type Sealed,
} from '@anime/contracts';
import { executorIdOf, type NewEvent } from '@anime/event-store';
import { given, swapProperty, testEvent } from '@anime/event-store/testing';
import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { executorDecider, type ExecutorCommand } from './executor.decide.js';

const NAME = 'comfyui-1';
const ID = executorIdOf('studio', NAME);
const REASON: Sealed = {
  sealed: 'aes-256-gcm',
  subject: ID,
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: 'q83vEg==',
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
};
const PAUSE: ExecutorCommand = { kind: 'PauseExecutor', name: NAME, reason: REASON };
const RESUME: ExecutorCommand = { kind: 'ResumeExecutor', name: NAME };

const registered = testEvent(ExecutorRegisteredV1, ID, {
  name: NAME,
  comfyuiVersion: '0.33.0',
  simulator: false,
  devices: [],
});
const paused = testEvent(ExecutorPausedV1, ID, { reason: null });
const resumed = testEvent(ExecutorResumedV1, ID, {});
const drained = testEvent(ExecutorDrainedV1, ID, {
  reason: 'worker-stopped',
  message: 'it runs nothing',
  promptId: null,
});
const lost = testEvent(ExecutorLostV1, ID, { silentMs: 30_000 });

describe('a pause', () => {
  it('of an executor that never registered is refused, and so is a resume', () => {
    for (const command of [PAUSE, RESUME]) given(executorDecider, []).when(command).thenRefused('executor-not-found');
  });

  it('is stored with its reason sealed, whether the executor is there or not', () => {
    for (const history of [[registered], [registered, lost], [registered, drained], [registered, paused, resumed]])
      given(executorDecider, history).when(PAUSE).then(ExecutorPausedV1, { reason: REASON });
  });

  it('of one that is paused adds nothing, also after its server was started anew', () => {
    for (const history of [
      [registered, paused],
      [registered, paused, registered],
    ])
      given(executorDecider, history).when(PAUSE).thenNothing();
  });
});

describe('a resume', () => {
  it('is stored whatever the executor is: a fault of its GPU is not told by its own events', () => {
    for (const history of [[registered], [registered, paused], [registered, drained], [registered, resumed]])
      given(executorDecider, history).when(RESUME).then(ExecutorResumedV1, {});
  });
});

describe('the fold of an executor', () => {
  it('is the same whether a fact was stored before or behind a decision that had not seen it', () => {
    swapProperty(executorDecider, {
      history: fc.constantFrom<readonly NewEvent[]>([], [registered], [registered, paused], [registered, lost]),
      pair: fc.tuple(fc.constantFrom<NewEvent>(registered, drained), fc.constantFrom<NewEvent>(paused, resumed, lost)),
      view: (state) => (state.stage === 'absent' ? 'absent' : state.pausedAt === undefined ? 'works' : 'paused'),
    });
  });
});
