import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest's Node environment with the typed arrays of the process itself.
 *
 * Jest gives each test file a realm with typed arrays of its own (save Uint8Array, which it shares for the same reason).
 * ONNX Runtime's native module makes its outputs in the realm of the process, and its JavaScript, loaded in the test's
 * realm, then refuses them: "A float64 tensor's data must be type of function Float64Array()".
 */
// oxlint-disable-next-line import/no-default-export -- Jest takes an environment from the default export.
export default class OnnxEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const shared of [Float32Array, Float64Array, Int32Array, BigInt64Array]) this.global[shared.name] = shared;
  }
}
