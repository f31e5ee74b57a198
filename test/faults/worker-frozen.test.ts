import { testScenarios } from './test-scenarios.ts'
import { scenarios } from './worker-frozen.ts'

testScenarios(scenarios)
