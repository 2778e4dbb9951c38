/** The edge API. */
import { createApp } from './app.ts'

const app = createApp(console.log)

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
} satisfies ExportedHandler<ApiEnv>
