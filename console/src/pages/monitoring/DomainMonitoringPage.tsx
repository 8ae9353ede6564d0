export default function DomainMonitoringPage() {
	return null;
}
