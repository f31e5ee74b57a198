import { scenarios } from './redis-lost.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
