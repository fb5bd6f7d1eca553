import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@anime/problem-details';
import { configurationLines, readConfig } from '@anime/service-runtime';
import { ComfyuiExecutorConfig, modelsFolderOf, parseModelsFolders, parseServers } from './config.js';

function refusalOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(ComfyuiExecutorConfig, env);
  } catch (error) {
    if (error instanceof ProblemError) return configurationLines(error).slice(1);
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('COMFYUI_URLS', () => {
  it('names plain addresses by their place', () => {
    expect(parseServers('http://a:8188, http://b:8188/comfy')).toEqual([
      { name: 'comfyui-1', url: 'http://a:8188' },
      { name: 'comfyui-2', url: 'http://b:8188/comfy' },
    ]);
  });

  it('takes names, also beside plain addresses and with = in an address', () => {
    expect(parseServers('big-gpu=https://me:a=b@gpu.local/x,http://b:8188')).toEqual([
      { name: 'big-gpu', url: 'https://me:a=b@gpu.local/x' },
      { name: 'comfyui-2', url: 'http://b:8188' },
    ]);
  });

  it.each([
    '',
    'gpu',
    'a=',
    '=http://a:1',
    'Big=http://a:1',
    'a=http://a:1,a=http://b:1',
    'comfyui-2=http://a:1,http://b:1',
    'ftp://a',
    'http://a:1?key=1',
    'a=http://a:1,b=http://a:1/',
    'http://a:1,,http://b:1',
    'http://me:50%off@a:1',
    'http://100%@a:1',
  ])('refuses %j', (text) => {
    expect(parseServers(text)).toBeUndefined();
  });

  it('is the local server when it is not set, and is named among the bad variables', () => {
    expect(readConfig(ComfyuiExecutorConfig, {})).toMatchObject({
      PORT: 8333,
      COMFYUI_URLS: [{ name: 'comfyui-1', url: 'http://127.0.0.1:8188' }],
    });
    expect(() => readConfig(ComfyuiExecutorConfig, { COMFYUI_URLS: 'nonsense', PORT: 'x' })).toThrow('2 variable(s)');
  });

  it('with a bare % in a password is named, with what to write in its place and without the password', () => {
    expect(refusalOf({ COMFYUI_URLS: 'http://me:50%off@gpu:8188' })).toEqual([
      expect.stringMatching(/^ {2}COMFYUI_URLS: expected .*\(% is %25\).*, but it is "http:\/\/…@gpu:8188"$/),
    ]);
    expect(parseServers('http://me:50%25off@gpu:8188')).toHaveLength(1);
  });
});

describe('COMFYUI_MODELS_DIR', () => {
  it('is the folder of all servers, or one for each by its name', () => {
    const { INIT_CWD = '' } = process.env;
    expect(modelsFolderOf(parseModelsFolders('/srv/models'), 'any')).toBe('/srv/models');
    expect(modelsFolderOf(parseModelsFolders('models'), 'any')).toBe(path.resolve(INIT_CWD, 'models'));
    const folders = parseModelsFolders('gpu-a=/a/models, gpu-b=/b,');
    expect(folders).toBeUndefined();
    const named = parseModelsFolders('gpu-a=/a/my models, gpu-b=/b=c');
    expect(modelsFolderOf(named, 'gpu-a')).toBe('/a/my models');
    expect(modelsFolderOf(named, 'gpu-b')).toBe('/b=c');
    expect(modelsFolderOf(named, 'gpu-c')).toBeUndefined();
    expect(modelsFolderOf(undefined, 'gpu-a')).toBeUndefined();
  });

  it.each([' ', 'GPU=/a', 'a=', 'a=/x,a=/y', 'a=/x,/y', '=/x'])('refuses %j', (text) => {
    expect(refusalOf({ COMFYUI_MODELS_DIR: text })).toEqual([
      expect.stringMatching(/^ {2}COMFYUI_MODELS_DIR: expected/),
    ]);
  });

  it('may name the servers of COMFYUI_URLS alone', () => {
    const COMFYUI_URLS = 'gpu-a=http://a:1,http://b:1';
    expect(refusalOf({ COMFYUI_URLS, COMFYUI_MODELS_DIR: 'gpu-a=/a,misspelt=/nowhere' })).toEqual([
      expect.stringMatching(/^ {2}COMFYUI_MODELS_DIR: expected .*names of COMFYUI_URLS.*but it is .*misspelt/),
    ]);
    const COMFYUI_MODELS_DIR = 'gpu-a=/a,comfyui-2=/b';
    expect(readConfig(ComfyuiExecutorConfig, { COMFYUI_URLS, COMFYUI_MODELS_DIR }).COMFYUI_MODELS_DIR).toEqual(
      new Map([
        ['gpu-a', '/a'],
        ['comfyui-2', '/b'],
      ]),
    );
  });
});
