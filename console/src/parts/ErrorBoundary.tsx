// A page that fails takes nothing else with it.
import { Component, type ReactNode } from "react";
import { common } from "../i18n/common";
import { say } from "../i18n/i18n";
import { Alert } from "./Alert";
import { Button } from "./Button";

/** Shows what went wrong in place of its children; another `on` (the address) is another try. */
export class ErrorBoundary extends Component<{ children: ReactNode; on: string }, { error?: Error }> {
	override state: { error?: Error } = {};

	static getDerivedStateFromError(error: Error) {
		return { error };
	}

	override componentDidUpdate(before: { on: string }) {
		if (before.on !== this.props.on && this.state.error) this.setState({ error: undefined });
	}

	override render() {
		if (!this.state.error) return this.props.children;
		return (
			<Alert
				tone="error"
				title={say(common.somethingBroke)}
				action={
					<Button variant="text" theme="primary" size="small" onClick={() => location.reload()}>
						{say(common.reload)}
					</Button>
				}
			>
				{this.state.error.message}
			</Alert>
		);
	}
}
