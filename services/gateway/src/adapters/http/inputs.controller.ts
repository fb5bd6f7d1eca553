import type { BlobStore } from '@anime/blob-store';
import { ROUTES, type InputStored } from '@anime/contracts/http';
import { Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { storeInput, type SentFile } from '../../commands/store-input.js';
import { wholePicture } from '../pictures/whole-picture.js';
import { FileOf } from './file-body.js';
import { nestPath } from './read-request.js';

/** Where the content of files is. */
export const BLOBS = Symbol('blobs');

@Controller()
export class InputsController {
  constructor(@Inject(BLOBS) private readonly blobs: Pick<BlobStore, 'put'>) {}

  @Post(nestPath(ROUTES.storeInput))
  @HttpCode(201)
  store(@FileOf(ROUTES.storeInput) file: SentFile): Promise<InputStored> {
    return storeInput(this.blobs, wholePicture, file);
  }
}
