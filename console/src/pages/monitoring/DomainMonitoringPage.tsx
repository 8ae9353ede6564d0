// Monitoring of the domain that is managed.
import { useParams } from "react-router";
import { MonitoringView } from "./MonitoringView";

export default function DomainMonitoringPage() {
	return <MonitoringView domain={useParams().name ?? ""} />;
}
