import { testScenarios } from './test-scenarios.ts'
import { scenarios } from './worker-killed.ts'

testScenarios(scenarios)
