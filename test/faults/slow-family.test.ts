import { scenarios } from './slow-family.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
