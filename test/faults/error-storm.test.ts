import { scenarios } from './error-storm.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
