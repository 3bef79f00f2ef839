import swagger from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import { docsPage } from './docs-page.js'
import { openApiSchemaOf } from './http-schema.js'
import type { HttpServer } from './http.js'

/** Title, version and introduction of an API description. */
export interface OpenApiInfo {
  readonly title: string
  readonly version: string
  readonly description: string
}

/**
 * Collects the schemas of every route registered afterwards and serves them at `GET /openapi.json` (OpenAPI 3.1) and, for people,
 * at `GET /docs`. Call it once per server, before the routes; routes of several services on one server become one description.
 */
export async function registerOpenApi(server: HttpServer, info: OpenApiInfo): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: info.title, version: info.version, description: info.description },
      components: {
        securitySchemes: {
          dpop: {
            type: 'apiKey', in: 'header', name: 'Authorization',
            description: '`Authorization: DPoP <access token>` with a fresh proof in the `DPoP` header (RFC 9449, EdDSA).',
          },
          operator: { type: 'http', scheme: 'bearer', description: '`Authorization: Bearer <operator token>`: who it belongs to and what it allows is configured.' },
        },
      },
    },
    transform: ({ schema, url }: { schema: FastifySchema | undefined; url: string }) => ({ schema: openApiSchemaOf(schema ?? {}), url }),
  })
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
  server.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    void reply.type('text/html; charset=utf-8')
    void reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    return reply.send(docsPage(server.swagger()))
  })
}
