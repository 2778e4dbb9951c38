/** What reads and writes people, posts and follows, with those in two databases: embedded, or at POSTGRES_TEST_URL. */
import { afterAll, beforeAll, describe } from 'vitest'
import { celebrities } from './celebrities.ts'
import { contract } from './contract.ts'
import { engagement } from './engagement.ts'
import { paging } from './paging.ts'
import { posting } from './posting.ts'
import { privateMedia } from './private-media.ts'
import { relations } from './relations.ts'
import { type Stage, stageOf } from './stage.ts'
import { type System, startSystem } from './system.ts'

let system: System
let stage: Stage
beforeAll(async () => {
  system = await startSystem({ shards: 2 })
  stage = stageOf(system)
})
afterAll(() => system?.close())
const on = () => stage

describe('posting', () => posting(on))
describe('relations', () => relations(on))
describe('paging', () => paging(on))
describe('celebrities', () => celebrities(on))
describe('engagement', () => engagement(on))
describe('private media', () => privateMedia(on))
describe('the contract', () => contract(on))
