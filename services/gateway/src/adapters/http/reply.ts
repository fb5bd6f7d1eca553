/** What controllers use of Fastify's reply. */
export interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}
