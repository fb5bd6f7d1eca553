import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cudaVersion, environmentFields, packsOf, withoutPersonal } from './environment.js';

describe('the fields of an environment', () => {
  it('are what a server tells of itself, each in one form', () => {
    const system = {
      comfyui_version: '0.33.0',
      python_version: '3.11.7 (main, Dec  8 2023, 18:56:58) [GCC 12.2.0]',
      pytorch_version: '2.13.0+cu130',
      os: 'posix',
      argv: ['/home/someone/ComfyUI/main.py', '--preview-method', 'latent2rgb'],
    };
    const devices = [{ name: 'cuda:0 GPU', type: 'cuda', vram_total: 8 }, { name: 'other' }];
    const definitions = { blob: 'a'.repeat(64), size: 1, classes: 1 };
    expect(environmentFields({ system, devices }, definitions, [])).toEqual({
      comfyuiVersion: '0.33.0',
      pythonVersion: '3.11.7',
      pytorchVersion: '2.13.0+cu130',
      cudaVersion: '13.0',
      os: 'posix',
      arguments: ['main.py', '--preview-method', 'latent2rgb'],
      devices: [
        { name: 'cuda:0 GPU', type: 'cuda', vramBytes: 8 },
        { name: 'other', type: null, vramBytes: 0 },
      ],
      nodeDefinitions: definitions,
      packs: [],
    });
  });

  it.each([
    ['2.13.0+cu130', '13.0'],
    ['2.1.2+cu118', '11.8'],
    ['2.7.1+rocm6.3', 'rocm6.3'],
    ['2.7.1+rocm6.2.4', 'rocm6.2.4'],
    ['2.13.0+cpu', null],
    ['2.8.0', null],
    [undefined, null],
  ])('say of PyTorch %j that it is made for %j', (pytorch, version) => {
    expect(cudaVersion(pytorch)).toBe(version);
  });
});

describe('the arguments of a server', () => {
  it.each([
    [
      ['--output-directory', '/home/name/pictures', '--lowvram'],
      ['--output-directory', '--lowvram'],
    ],
    [['--base-directory=/home/name'], ['--base-directory']],
    [['--input-directory', String.raw`C:\Users\name\in`], ['--input-directory']],
    [['--temp-directory', String.raw`\\nas\name`], ['--temp-directory']],
    [['--user-directory', '~name/comfy'], ['--user-directory']],
    [['--user-directory', '../name/comfy'], ['--user-directory']],
    [['--user-directory', 'comfy/../../name'], ['--user-directory']],
    [['--database-url', 'sqlite:////home/name/c.db'], ['--database-url']],
    [
      ['--listen', '192.168.1.7,gpu.anna.local', '--port', '8188'],
      ['--listen', '--port', '8188'],
    ],
    [
      ['--user-directory', 'users/anna', '--default-hashing-function', 'anna'],
      ['--user-directory', '--default-hashing-function'],
    ],
    [
      ['--temp-directory', '$HOME/x', '--base-directory=%USERPROFILE%\\c'],
      ['--temp-directory', '--base-directory'],
    ],
    [['--front-end-version', 'Anna/ComfyUI_frontend@latest', '-anna/x'], ['--front-end-version']],
    [
      [
        '--preview-method=taesd',
        '--reserve-vram',
        '1.5',
        '--fp8_e4m3fn-unet',
        '--cache-lru=10',
        '--use-sage-attention',
      ],
      [
        '--preview-method=taesd',
        '--reserve-vram',
        '1.5',
        '--fp8_e4m3fn-unet',
        '--cache-lru=10',
        '--use-sage-attention',
      ],
    ],
  ])('%j become %j', (given, left) => {
    expect(withoutPersonal(['main.py', ...given])).toEqual(['main.py', ...left]);
  });

  it('hold nothing that a person chose, whatever it is and however it is given', () => {
    const root = fc.constantFrom(
      '/home/',
      '~/',
      'C:\\Users\\',
      'D:/',
      '\\\\nas\\',
      '/',
      '',
      'users/',
      '$HOME/',
      '10.0.0.1,',
    );
    const option = fc.constantFrom('', '--x=', '--some-dir=', 'a,', 'file://');
    fc.assert(
      fc.property(option, root, fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8})?$/), (prefix, start, rest) => {
        const left = withoutPersonal(['main.py', `${prefix}${start}secret-${rest}`]).join(' ');
        expect(left).not.toContain('secret');
      }),
    );
  });
});

describe('node packs', () => {
  it('are those that are listed and on, and those that classes come from', () => {
    const listed = [
      { name: 'listed', version: '1.2', isEnabled: true },
      { name: 'off', version: '1', isEnabled: false },
    ];
    const modules = ['nodes', 'comfy_extras.nodes_x', 'custom_nodes.seen', 'custom_nodes.listed', 'custom_nodes.seen'];
    expect(packsOf(listed, modules)).toEqual([
      { name: 'listed', version: '1.2' },
      { name: 'seen', version: null },
    ]);
    expect(packsOf(undefined, modules).map(({ name }) => name)).toEqual(['listed', 'seen']);
  });
});
