import { gatewayOpenApi } from '@anime/contracts/http';
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/**
 * Serves the API's document at `/openapi.json` and a page to read and try it at `/docs`. Everything that the page needs
 * comes from this process.
 */
export function serveDocumentation(app: INestApplication): void {
  const { info, servers, tags, paths, components, openapi } = gatewayOpenApi();
  // Swagger UI takes JSON; Nest's type of it knows fewer forms of a schema than the specification.
  const document = { openapi, info, servers, tags, paths, components } as object as OpenAPIObject;
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: info.title,
    // Without this the page asks a validator in the internet.
    swaggerOptions: { validatorUrl: null },
  });
}
